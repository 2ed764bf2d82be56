import type { Checkpoint } from '../../producers/state/checkpoint.ts';
import type { LastRun } from './last-run.ts';

/** What is known of one stream. Null stands for what is not there, undefined for what could not be asked. */
export interface StreamStatus {
  readonly stream: string;
  readonly topic: TopicStatus | null | undefined;
  readonly table: TableStatus | null | undefined;
  /** Messages, marks of transactions included, that the sink has not passed; null without a topic. */
  readonly lag: bigint | null | undefined;
  readonly lastRun: LastRun | null | undefined;
  readonly checkpoint: Checkpoint | null | undefined;
  /** Records and messages that are set aside and wait. */
  readonly deadLetters: number | undefined;
  /** What needs a person, each with its remedy: see `problemsOf`. */
  readonly problems: readonly string[];
}

export interface TopicStatus {
  readonly name: string;
  readonly partitions: readonly PartitionStatus[];
}

export interface PartitionStatus {
  readonly partition: number;
  /** Its first offset, and the one that its next message will get. */
  readonly start: bigint;
  readonly end: bigint;
  /** Undefined where the table could not be asked. */
  readonly lag: bigint | undefined;
}

export interface TableStatus {
  readonly name: string;
  /** Those that merges have not taken yet included: older versions, and deletes. */
  readonly rows: bigint;
}

/** Something that will lose data or is not as it should be, with its cure. */
export interface Warning {
  /** `topic chartmogul.plans` or `table plans_raw`. */
  readonly about: string;
  readonly message: string;
}

export interface Status {
  readonly atMs: number;
  readonly streams: readonly StreamStatus[];
  readonly warnings: readonly Warning[];
  /** What could not be asked, and why: a line each. */
  readonly failures: readonly string[];
}

/** How many messages there are about: compaction leaves gaps. */
export function messagesOf({ partitions }: TopicStatus): bigint {
  return partitions.reduce((sum, { start, end }) => sum + (end - start), 0n);
}
