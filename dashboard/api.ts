// The JSON of the dashboard's API, as types: the server writes it, the pages read it. Times are ms
// since 1970. Null means that something does not exist; undefined (absent in JSON) that it is unknown,
// because its service did not answer. Offsets and counts are far below 2^53.

/** The body of every answer with a status of 400 or higher. */
export interface ApiError {
  readonly error: { readonly message: string; readonly remedy?: string };
}

/** `GET /api/about`: what the dashboard shows. */
export interface About {
  readonly topicPrefix: string;
  readonly database: string;
  readonly kafka: string;
  readonly clickhouse: string;
}

/** The event `status`: all that `npm run status` shows, every few seconds. */
export interface Overview {
  readonly atMs: number;
  readonly streams: readonly StreamLine[];
  /** What needs a person, the most urgent first. */
  readonly attention: readonly Attention[];
  /** The newest run of `npm run produce`. */
  readonly lastRun: RunTotals | null | undefined;
}

/** One stream. */
export interface StreamLine {
  readonly stream: string;
  /** On the topic: approximate, because compaction leaves gaps. */
  readonly messages: number | null | undefined;
  readonly lag: number | null | undefined;
  readonly rows: number | null | undefined;
  readonly deadLetters: number | undefined;
  readonly lastRun: StreamRun | null | undefined;
  /** Whether a run reads the stream at this time, or was interrupted while it did. */
  readonly isUnfinished: boolean;
  /** Whether a line of `attention` is about this stream. */
  readonly hasProblem: boolean;
}

export interface StreamRun {
  readonly run: string;
  readonly outcome: 'done' | 'failed' | 'stopped' | 'absent';
  readonly finishedAtMs: number;
  readonly new: number;
  readonly changed: number;
  readonly deleted: number;
}

export interface RunTotals {
  readonly run: string;
  readonly finishedAtMs: number;
  readonly streams: number;
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly retries: number;
  readonly rateLimited: number;
}

export interface Attention {
  /** A service that does not answer, a stream that has failed or stopped, or a risk. */
  readonly kind: 'failure' | 'problem' | 'warning';
  /** Streams, topics or tables. */
  readonly about: readonly string[];
  /** With its remedy; commands are in backticks. */
  readonly message: string;
  /** The page that shows more. */
  readonly page?: 'dead-letters' | 'runs';
}

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
/** `GET /api/mrr?months=12|24|all`. Amounts are cents, rates are percent. */
export type MrrAnswer =
  | { readonly state: 'missing'; readonly streams: readonly string[] }
  | { readonly state: 'no-view'; readonly views: readonly string[] }
  | { readonly state: 'unknown-zone'; readonly timeZone: string }
  | { readonly state: 'no-movements' }
  | {
      readonly state: 'ready';
      readonly currency: string;
      readonly timeZone: string;
      readonly months: readonly MrrMonth[];
      readonly largest: readonly LargeMovement[];
      readonly sql: Readonly<Record<'mrr' | 'customers' | 'arpa' | 'churn' | 'largest', string>>;
    };

export interface MrrMonth {
  /** Its first day, such as `2026-03-01`. */
  readonly month: string;
  readonly openingMrr: number;
  readonly newBusiness: number;
  readonly expansion: number;
  readonly contraction: number;
  readonly churn: number;
  readonly reactivation: number;
  readonly closingMrr: number;
  readonly customersGained: number;
  readonly customersLost: number;
  readonly customers: number;
  readonly arpa: number | null;
  readonly customerChurnRate: number | null;
  readonly mrrChurnRate: number | null;
}

export interface LargeMovement {
  /** In the time zone of the account. */
  readonly date: string;
  readonly customer: string;
  readonly customerUuid: string;
  readonly type: string;
  readonly movement: number;
  readonly mrr: number | null;
  readonly plan: string;
  readonly description: string;
}
