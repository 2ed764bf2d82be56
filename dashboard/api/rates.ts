/**
 * The event `rates`, every second while messages flow, otherwise every three seconds. A stream
 * in which nothing was produced or inserted is absent.
 */
export interface Rates {
  readonly atMs: number;
  readonly streams: Readonly<Record<string, StreamRate>>;
}

export interface StreamRate {
  /** Messages per second that arrived on the topic, and that the sink processed. */
  readonly produced: number;
  readonly sunk: number;
  readonly lag?: number;
}

/** The event `history`: the messages of the last ten minutes, in equal buckets. */
export interface History {
  readonly bucketMs: number;
  readonly maxBuckets: number;
  /** The buckets by stream, the oldest first. A stream without messages is absent. */
  readonly streams: Readonly<Record<string, Readonly<Record<'produced' | 'sunk', readonly number[]>>>>;
}

/** The event `bucket`: the next bucket of the history. A stream without messages is absent. */
export type Bucket = Readonly<Record<string, Readonly<Record<'produced' | 'sunk', number>>>>;
