import type { SinkPhase } from '../stream/phase.ts';

/** The phase, or `waiting` while a service is not responding. */
export type SinkState = SinkPhase | 'waiting';

/**
 * The live counts of one stream's sink, for progress, metrics and health. No decision of the sink
 * depends on them.
 */
export class SinkCounts {
  readonly stream: string;
  readonly table: string;
  state: SinkState = 'flowing';
  /** Rows that ClickHouse has acknowledged, including deletes. */
  rows = 0;
  /** Bytes of these rows in RowBinary. */
  bytes = 0;
  batches = 0;
  insertSeconds = 0;
  retries = 0;
  deadLetters = 0;
  /** Tables created and altered. */
  schemaChanges = 0;
  /**
   * Number of offsets between the table's position and the partition's end, for each partition that
   * is assigned to this process.
   */
  readonly lag = new Map<number, number>();
  /** Offsets that are accepted but not inserted yet. */
  buffered = 0;
  /**
   * Start of the current period with a lag but without an insert: a time from `performance.now()`.
   */
  stalledSinceMs: number | undefined;
  /** Start of the batch that is being filled, if any: a time from `performance.now()`. */
  oldestRowMs: number | undefined;
  failure: Error | undefined;

  constructor(stream: string, table: string) {
    this.stream = stream;
    this.table = table;
  }
}

/**
 * Updates the lag, the number of buffered offsets, and the start of a stall.
 * @param lags by partition: the lag, and how many of its offsets are accepted but not inserted yet.
 */
export function countLags(
  counts: SinkCounts,
  lags: ReadonlyMap<number, { readonly lag: number; readonly buffered: number }>,
): void {
  counts.lag.clear();
  counts.buffered = 0;
  for (const [partition, { lag, buffered }] of lags) {
    counts.lag.set(partition, lag);
    counts.buffered += buffered;
  }
  const isBehind = [...counts.lag.values()].some((lag) => lag > 0);
  counts.stalledSinceMs = isBehind ? (counts.stalledSinceMs ?? performance.now()) : undefined;
}
