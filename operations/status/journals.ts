import type { KafkaMessage } from 'kafkajs';
import type { KafkaAdmin } from '../../core/kafka/admin.ts';
import type { Settings } from '../../core/settings/config.ts';
import { parseDeadLetter, type StoredDeadLetter } from '../../core/dead-letters/reader.ts';
import { checkpointsTopic, deadLettersTopic, topicOf } from '../../core/stream-name.ts';
import { readTopics } from '../../core/kafka/topic-reader.ts';
import { parseCheckpoint, parseCheckpointKey, type Checkpoint } from '../../producers/state/checkpoint.ts';
import { RUNS } from '../../producers/publish/send-run.ts';

/** A message of the topic of runs, not decoded yet. */
export interface RunMessage {
  readonly value: Buffer;
  readonly timeMs: number;
}

/** What the small topics say, by stream. */
export interface Journals {
  /** The latest run that told of the stream. */
  readonly runs: ReadonlyMap<string, RunMessage>;
  readonly checkpoints: ReadonlyMap<string, Checkpoint>;
  /** Letters that wait, of both steps. */
  readonly letters: ReadonlyMap<string, number>;
}

/** Reads the topics of runs, checkpoints and dead letters; never those of the streams, which may be large. @throws as `readTopics` */
export async function readJournals(
  admin: KafkaAdmin,
  settings: Pick<Settings, 'kafka' | 'topicPrefix'>,
  signal: AbortSignal,
): Promise<Journals> {
  const { topicPrefix } = settings;
  const runs = new Map<string, RunMessage>();
  const checkpoints = new Map<string, Checkpoint>();
  const letters = new Map<string, Letter>();
  await readTopics(
    admin,
    settings,
    new Map([
      [topicOf(topicPrefix, RUNS), (message) => noteRun(runs, message)],
      [checkpointsTopic(topicPrefix), (message) => noteCheckpoint(checkpoints, message)],
      [deadLettersTopic(topicPrefix), (message) => noteLetter(letters, message, topicPrefix)],
    ]),
    signal,
  );
  const all = [...letters.values()];
  return {
    runs,
    checkpoints,
    letters: countByStream(all.filter(({ state }) => state === 'waiting')),
  };
}

/** What is kept of a letter: there may be many. */
type Letter = Pick<StoredDeadLetter, 'stream' | 'state'>;

/** The key is run and stream. */
export function noteRun(
  runs: Map<string, RunMessage>,
  { key, value, timestamp }: Pick<KafkaMessage, 'key' | 'value' | 'timestamp'>,
): void {
  const [, stream] = key?.toString('utf8').split('|') ?? [];
  if (stream === undefined || value === null) return;
  const timeMs = Number(timestamp);
  if (timeMs < (runs.get(stream)?.timeMs ?? 0)) return;
  // A copy: the original would keep the whole fetch.
  runs.set(stream, { value: Buffer.from(value), timeMs });
}

export function noteCheckpoint(
  checkpoints: Map<string, Checkpoint>,
  { key, value }: Pick<KafkaMessage, 'key' | 'value'>,
): void {
  const about = key === null ? undefined : parseCheckpointKey(key.toString('utf8'));
  if (about?.kind !== 'stream') return;
  const checkpoint = value === null ? undefined : parseCheckpoint(value.toString('utf8'));
  if (checkpoint === undefined) checkpoints.delete(about.stream);
  else checkpoints.set(about.stream, checkpoint);
}

/** A letter that is sent again under its key, with a mark or without, takes the place of the first. */
export function noteLetter(letters: Map<string, Letter>, message: KafkaMessage, topicPrefix: string): void {
  // A byte a character: other writers' keys may be no text.
  const place = message.key?.toString('latin1');
  if (place === undefined) return;
  const letter = parseDeadLetter(message, topicPrefix);
  if (letter === undefined) letters.delete(place);
  else letters.set(place, { stream: letter.stream, state: letter.state });
}

function countByStream(letters: readonly Letter[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { stream } of letters) counts.set(stream, (counts.get(stream) ?? 0) + 1);
  return counts;
}
