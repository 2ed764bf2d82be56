import type { KafkaMessage } from 'kafkajs';
import type { KafkaAdmin } from '../../core/kafka/admin.ts';
import type { Settings } from '../../core/settings/config.ts';
import { parseDeadLetter, type StoredDeadLetter } from '../../core/dead-letters/reader.ts';
import { checkpointsTopic, deadLettersTopic, topicOf } from '../../core/stream-name.ts';
import { readTopics } from '../../core/kafka/topic-reader.ts';
import { parseCheckpoint, parseCheckpointKey, type Checkpoint } from '../../producers/state/checkpoint.ts';
import { RUNS } from '../../producers/publish/send-run.ts';

/** A message of the topic `runs`, not decoded yet. */
export interface RunMessage {
  readonly value: Buffer;
  readonly timeMs: number;
}

/** What the topics of runs, checkpoints and dead letters hold, by stream. */
export interface Journals {
  /** The latest run of the stream. */
  readonly runs: ReadonlyMap<string, RunMessage>;
  readonly checkpoints: ReadonlyMap<string, Checkpoint>;
  /** Number of pending dead letters of both steps. */
  readonly letters: ReadonlyMap<string, number>;
}

/**
 * Reads the topics of runs, checkpoints and dead letters, but not the large ones of streams.
 *
 * @throws the errors of `readTopics`.
 */
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

/** The parts of a dead letter that are kept in memory: there may be many. */
type Letter = Pick<StoredDeadLetter, 'stream' | 'state'>;

/** Stores the latest run of a stream. The message key is run and stream. */
export function noteRun(
  runs: Map<string, RunMessage>,
  { key, value, timestamp }: Pick<KafkaMessage, 'key' | 'value' | 'timestamp'>,
): void {
  const [, stream] = key?.toString('utf8').split('|') ?? [];
  if (stream === undefined || value === null) return;
  const timeMs = Number(timestamp);
  if (timeMs < (runs.get(stream)?.timeMs ?? 0)) return;
  // A copy: the original would retain the whole fetch.
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

/** Stores a dead letter. The same key, marked or not, replaces the earlier one. */
export function noteLetter(letters: Map<string, Letter>, message: KafkaMessage, topicPrefix: string): void {
  // One character per byte: keys of other writers may not be text.
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
