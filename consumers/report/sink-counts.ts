import type { SinkPhase } from '../stream/phase.ts';

/** The phase, or `waiting` while a service does not answer. */
export type SinkState = SinkPhase | 'waiting';

/**
 * The output of one stream's sink so far, live for summary, metrics and progress. No decision
 * depends on it.
 */
export interface SinkCounts {
  readonly stream: string;
  readonly table: string;
  state: SinkState;
  /** Rows that ClickHouse has acknowledged, of records and of deletes. */
  rows: number;
  /** Bytes of these rows in RowBinary. */
  bytes: number;
  batches: number;
  insertSeconds: number;
  /** Retries of requests to services. */
  retries: number;
  deadLetters: number;
  /** Tables created and altered. */
  schemaChanges: number;
  /**
   * The messages before the topic's end that are not in the table, as far as known, for each
   * partition of this process.
   */
  readonly lag: Map<number, number>;
  /** Messages that are accepted and not inserted yet. */
  buffered: number;
  /** Since when nothing was inserted although there is a lag, by `performance.now()`. */
  stalledSinceMs: number | undefined;
  /** Arrival of the oldest row that is not inserted yet, by `performance.now()`. */
  oldestRowMs: number | undefined;
  failure: Error | undefined;
}

export function createSinkCounts(stream: string, table: string): SinkCounts {
  return {
    stream,
    table,
    state: 'flowing',
    rows: 0,
    bytes: 0,
    batches: 0,
    insertSeconds: 0,
    retries: 0,
    deadLetters: 0,
    schemaChanges: 0,
    lag: new Map(),
    buffered: 0,
    stalledSinceMs: undefined,
    oldestRowMs: undefined,
    failure: undefined,
  };
}
