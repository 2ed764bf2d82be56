import type { KafkaMessage } from 'kafkajs';
import { DeadLetterIndex } from '../../consumers/stream/dead-letter-index.ts';
import { parseCheckpoint, parseCheckpointKey, type Checkpoint } from '../../producers/state/checkpoint.ts';
import { TopicFollower } from './topic-follower.ts';

/** A message of the topic `runs`, not decoded yet. */
export interface RunMessage {
  readonly value: Buffer;
  readonly timeMs: number;
}

/**
 * The topics that status reads: the latest run and checkpoint of each stream, and the dead letters.
 * A caller that gathers the status repeatedly keeps them, so that each message is read only once.
 */
export class Journals {
  readonly runs = new TopicFollower({ create: () => new Map<string, RunMessage>(), note: noteRun });
  readonly checkpoints = new TopicFollower({
    create: () => new Map<string, Checkpoint>(),
    note: noteCheckpoint,
  });
  readonly deadLetters: TopicFollower<DeadLetterIndex>;

  constructor(topicPrefix: string) {
    this.deadLetters = new TopicFollower({
      create: () => new DeadLetterIndex(topicPrefix),
      note: (index, message) => index.note(message),
    });
  }
}

/** Stores the latest run of a stream. The message key consists of run and stream. */
export function noteRun(
  runs: Map<string, RunMessage>,
  { key, value, timestamp }: Pick<KafkaMessage, 'key' | 'value' | 'timestamp'>,
): void {
  const [, stream] = key?.toString('utf8').split('|') ?? [];
  if (stream === undefined || value === null) return;
  const timeMs = Number(timestamp);
  if (timeMs < (runs.get(stream)?.timeMs ?? 0)) return;
  // Copied, because the original would keep the entire fetch in memory.
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
