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
/** `POST /api/sql/run`: the first rows of a result. */
export interface SqlResult {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  /** Texts with all digits; null is NULL. */
  readonly rows: readonly (readonly (string | null)[])[];
  /** Whether the result has more rows. */
  readonly isTruncated: boolean;
  readonly elapsedMs: number;
  readonly rowsRead?: number | undefined;
  readonly bytesRead?: number | undefined;
}

/** `GET /api/sql/names`: what the editor completes. */
export interface SqlNames {
  readonly tables: readonly SqlTable[];
  readonly functions: readonly {
    readonly name: string;
    readonly syntax: string;
    readonly about: string;
  }[];
  readonly keywords: readonly string[];
}

export interface SqlTable {
  readonly name: string;
  readonly kind: 'view' | 'table';
  readonly columns: readonly { readonly name: string; readonly type: string; readonly comment: string }[];
}

/** `GET /api/sql/questions`: ready-made questions. */
export interface SqlQuestion {
  readonly name: string;
  readonly title: string;
  readonly about: string;
  readonly chart?: SqlChart | undefined;
  readonly sql: string;
}

/** How to draw a result, by names of its columns. */
export interface SqlChart {
  readonly kind: 'line' | 'bar';
  readonly x: string;
  readonly y: readonly string[];
  /** A line or bar for each of its values. */
  readonly series?: string;
}

/** `POST /api/sql/downloads`: a result that waits at `/api/sql/downloads/{id}` for a short time. */
export interface SqlDownload {
  readonly id: string;
  readonly fileName: string;
}

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

/** Work that outlives the request that started it. The server keeps its end until the next start. */
export interface JobState<Progress, Result> {
  readonly state: 'idle' | 'running' | 'done' | 'failed' | 'cancelled';
  readonly startedMs?: number;
  readonly endedMs?: number;
  readonly progress?: Progress;
  /** With `done` only. */
  readonly result?: Result;
  /** With `failed` only. */
  readonly error?: ApiError['error'];
}

/** The body of `POST /api/reconcile`. */
export interface ReconcileRequest {
  /** All if absent. */
  readonly streams?: readonly string[];
  /** Reads ChartMogul too, and compares it with the topics. */
  readonly comparesSource: boolean;
  /** Writes: replaces views, inserts and deletes rows. */
  readonly isRepair: boolean;
}

/** How far a comparison is. */
export interface ReconcileProgress {
  readonly request: ReconcileRequest;
  readonly streams: number;
  readonly compared: number;
  readonly active: readonly {
    readonly stream: string;
    readonly doing: string;
    readonly read: number;
    readonly messages: number;
  }[];
  /** The records that were read of each source. */
  readonly sources: Readonly<Record<string, number>>;
}

export interface ReconciledKey {
  readonly key: string;
  readonly kind: string;
}

/** A stream in the JSON of `npm run reconcile -- --json`. Absent: the stream has only a source. */
export interface ReconciledStream {
  readonly equal?: boolean;
  readonly keys?: number;
  readonly missing?: number;
  readonly stray?: number;
  readonly older?: number;
  readonly other?: number;
  readonly twice?: number;
  readonly behind?: number;
  readonly dead_letters?: number;
  readonly by_key?: boolean;
  readonly examples?: readonly ReconciledKey[];
  readonly views?: readonly { readonly view: string; readonly problem: string | null }[];
  readonly faults?: readonly string[];
  readonly notes?: readonly string[];
  readonly repair?: {
    readonly inserted: number;
    readonly deleted: number;
    readonly left: number;
    readonly remarks: readonly string[];
  };
  readonly failure?: string;
  readonly source?: {
    readonly equal: boolean;
    readonly records: number;
    readonly keys: number;
    readonly missing: number;
    readonly changed: number;
    readonly stray: number;
    readonly twice: number;
    readonly dead_letters: number;
    readonly not_compared: number;
    readonly examples: readonly ReconciledKey[];
    readonly failure?: string;
  };
}

export interface ReconcileReport {
  readonly equal: boolean;
  readonly streams: Readonly<Record<string, ReconciledStream>>;
}

/** `GET /api/reconcile`. `POST /api/reconcile` starts, `POST /api/reconcile/cancel` cancels. */
export interface ReconcileState {
  readonly job: JobState<ReconcileProgress, ReconcileReport>;
  /** The names of known streams. */
  readonly streams: readonly string[];
}

export type DeadLetterState = 'waiting' | 'redriven' | 'discarded';

export interface DeadLetterLine {
  readonly id: string;
  readonly stream: string;
  readonly step: 'produce' | 'sink';
  readonly code: string;
  readonly reason: string;
  readonly state: DeadLetterState;
  readonly rejectedMs: number;
  /** Redrives that failed. */
  readonly attempts: number;
  readonly recordKey?: string;
}

/** Dead letters of one kind. */
export interface DeadLetterKind {
  readonly stream: string;
  readonly step: 'produce' | 'sink';
  readonly code: string;
  readonly count: number;
}

/** `GET /api/dead-letters?state=&stream=&text=&offset=`: one page, newest first. */
export interface DeadLetterList {
  readonly counts: Readonly<Record<DeadLetterState, number>>;
  /** Of the chosen state, most first. */
  readonly kinds: readonly DeadLetterKind[];
  /** How many match the filter. */
  readonly total: number;
  readonly deadLetters: readonly DeadLetterLine[];
  /** Messages on the topic that are no dead letters of this prefix. */
  readonly others: number;
}

/** `GET /api/dead-letters/ID`. */
export interface DeadLetterDetails extends DeadLetterLine {
  readonly topic?: string;
  readonly partition?: number;
  readonly offset?: number;
  readonly timestampMs?: number;
  readonly redrivenMs?: number;
  readonly bytes: number;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON with every digit; absent if the value cannot be decoded. */
  readonly record?: string;
  /** Why there is no record, and the first bytes as a hex dump. */
  readonly why?: string;
  readonly hexDump?: string;
}

/** The body of `POST /api/dead-letters/settle`. */
export interface SettleRequest {
  readonly action: 'redrive' | 'discard';
  readonly ids: readonly string[];
  /** Why they are discarded. */
  readonly reason?: string;
}

export interface SettledDeadLetter {
  readonly id: string;
  readonly stream: string;
  readonly outcome: 'redriven' | 'failed' | 'skipped' | 'discarded';
  readonly text: string;
}

export interface SettleProgress {
  readonly request: SettleRequest;
  readonly settled: readonly SettledDeadLetter[];
}

/** `GET /api/dead-letters/job`. `POST /api/dead-letters/settle` starts, `…/cancel` cancels. */
export type SettleJob = JobState<SettleProgress, null>;
