import type { KafkaMessage } from 'kafkajs';
import type { KafkaAdmin } from '../../core/kafka/admin.ts';
import type { Settings } from '../../core/settings/config.ts';
import { checkpointsTopic, topicOf } from '../../core/stream-name.ts';
import { readTopics } from '../../core/kafka/topic-reader.ts';
import { parseCheckpoint, parseCheckpointKey, type Checkpoint } from '../../producers/state/checkpoint.ts';
import { RUNS } from '../../producers/publish/send-run.ts';

/** A message of the topic `runs`, not decoded yet. */
export interface RunMessage {
  readonly value: Buffer;
  readonly timeMs: number;
}

/** The contents of the topics of runs and checkpoints, by stream. */
export interface Journals {
  /** The latest run of the stream. */
  readonly runs: ReadonlyMap<string, RunMessage>;
  readonly checkpoints: ReadonlyMap<string, Checkpoint>;
}

/** @throws the errors of `readTopics`. */
export async function readJournals(
  admin: KafkaAdmin,
  settings: Pick<Settings, 'kafka' | 'topicPrefix'>,
  signal: AbortSignal,
): Promise<Journals> {
  const { topicPrefix } = settings;
  const runs = new Map<string, RunMessage>();
  const checkpoints = new Map<string, Checkpoint>();
  await readTopics(
    admin,
    settings,
    new Map([
      [topicOf(topicPrefix, RUNS), (message) => noteRun(runs, message)],
      [checkpointsTopic(topicPrefix), (message) => noteCheckpoint(checkpoints, message)],
    ]),
    signal,
  );
  return { runs, checkpoints };
}

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
