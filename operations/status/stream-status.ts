import type { Checkpoint } from '../../producers/state/checkpoint.ts';
import type { LastRun } from './last-run.ts';
import type { StreamProblem, WarningKind } from './problem.ts';

/** The status of one stream. Null means that it does not exist, undefined that it is unknown. */
export interface StreamStatus {
  readonly stream: string;
  readonly topic: TopicStatus | null | undefined;
  /** `rows` includes older versions and deletes that are not merged yet. */
  readonly table: { readonly name: string; readonly rows: bigint } | null | undefined;
  /**
   * `rows` counts versions, including deletes. Undefined without a history, or if it is unknown.
   */
  readonly history?: { readonly name: string; readonly rows: bigint } | undefined;
  /**
   * Number of offsets that the sink has not passed, including transaction markers; null without a
   * topic.
   */
  readonly lag: bigint | null | undefined;
  readonly lastRun: LastRun | null | undefined;
  readonly checkpoint: Checkpoint | null | undefined;
  /** Number of pending dead letters. */
  readonly deadLetters: number | undefined;
  /** See `problemsOf`. */
  readonly problems: readonly StreamProblem[];
}

export interface TopicStatus {
  readonly name: string;
  readonly partitions: readonly PartitionStatus[];
}

export interface PartitionStatus {
  readonly partition: number;
  /** The first offset, and the end offset. */
  readonly start: bigint;
  readonly end: bigint;
  /** The sinks' committed offset; undefined if there is none or it is unknown. */
  readonly committed?: bigint | undefined;
  /** Undefined if the table or the commits could not be read. */
  readonly lag: bigint | undefined;
}

/**
 * A condition that may cause data loss or needs attention, such as a topic without a table. The
 * message contains the remedy.
 */
export interface Warning {
  readonly kind: WarningKind;
  /** `topic chartmogul.plans`, `table plans_raw` or `view plans`. */
  readonly about: string;
  /** Absent if the warning does not concern a stream. */
  readonly stream?: string;
  readonly message: string;
}

export interface Status {
  readonly atMs: number;
  readonly streams: readonly StreamStatus[];
  readonly warnings: readonly Warning[];
  /** One line per service or query that failed. */
  readonly failures: readonly string[];
}

/** Returns the number of offsets, which include transaction markers and compaction gaps. */
export function messagesOf({ partitions }: TopicStatus): bigint {
  return partitions.reduce((sum, { start, end }) => sum + (end - start), 0n);
}

/** Returns how many offsets the sink has passed. Those removed by retention count as passed. */
export function passedOf({ partitions }: TopicStatus): bigint {
  return partitions.reduce((sum, { end, lag }) => sum + end - (lag ?? 0n), 0n);
}
