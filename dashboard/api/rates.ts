/** The event `rates`, every second or so. A stream that is absent did not move. */
export interface Rates {
  readonly atMs: number;
  readonly streams: Readonly<Record<string, StreamRate>>;
}

export interface StreamRate {
  /** Messages per second that arrived on the topic, and that the sink passed. */
  readonly produced: number;
  readonly sunk: number;
  readonly lag?: number;
}

/** The event `history`: what moved in the last minutes, in buckets of equal length. */
export interface History {
  readonly bucketMs: number;
  readonly maxBuckets: number;
  /** By stream, the buckets, the oldest first. A stream that is absent did not move. */
  readonly streams: Readonly<Record<string, Readonly<Record<'produced' | 'sunk', readonly number[]>>>>;
}

/** The event `bucket`: one more bucket of the history. A stream that is absent did not move. */
export type Bucket = Readonly<Record<string, Readonly<Record<'produced' | 'sunk', number>>>>;
