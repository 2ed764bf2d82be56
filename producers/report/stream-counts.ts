export type StreamState = 'waiting' | 'reading' | 'deleting' | 'done' | 'failed' | 'stopped';

/** A field that the schema learnt: full name (`line_items.vat`) and type (`long`), never a value. */
export interface NewField {
  readonly field: string;
  readonly type: string;
}

/** What one stream did in a run, counted while it does it: the progress, the summary and the run's record read it. */
export interface StreamCounts {
  readonly stream: string;
  readonly topic: string;
  pages: number;
  requests: number;
  retries: number;
  /** Answers 429 or 503. */
  rateLimited: number;
  /** Records read. */
  records: number;
  /** As against what the topic held; so are `changed`, `unchanged` and `deleted`. */
  new: number;
  changed: number;
  unchanged: number;
  deleted: number;
  /** Records that stand on the topic of dead letters in place of the stream's own, set aside in this run or before. */
  deadLettered: number;
  /** Fields or values left out in mode `discard`. */
  discarded: number;
  /** Messages on the stream's own topic that are committed. */
  messages: number;
  /** Bytes of these messages. */
  bytes: number;
  /** The run began where an interrupted one had stopped. */
  isResumed: boolean;
  readonly newFields: NewField[];
  /** Pages of the last complete run, to measure progress by; undefined at first. */
  expectedPages: number | undefined;
  /** Parents whose list was denied (403): their children are left as they are. */
  denied: number;
  /** Absent from this account, and never read before. */
  isAbsent: boolean;
  /** Why the stream is taken to be absent; undefined for an optional one, which no account need have. */
  absence: string | undefined;
  state: StreamState;
  /** When the stream began, in milliseconds since 1970 (`Date.now()`); 0 while it waits. */
  startedAtMs: number;
  /** How long it took, set at its end. */
  seconds: number;
  /** Why the stream failed as a whole, if it did. */
  failure: Error | undefined;
}

export function createStreamCounts(stream: string, topic: string): StreamCounts {
  return {
    stream,
    topic,
    pages: 0,
    requests: 0,
    retries: 0,
    rateLimited: 0,
    records: 0,
    new: 0,
    changed: 0,
    unchanged: 0,
    deleted: 0,
    deadLettered: 0,
    discarded: 0,
    messages: 0,
    bytes: 0,
    isResumed: false,
    newFields: [],
    expectedPages: undefined,
    denied: 0,
    isAbsent: false,
    absence: undefined,
    state: 'waiting',
    startedAtMs: 0,
    seconds: 0,
    failure: undefined,
  };
}

/** True where the stream or any record of it failed. */
export function hasFailed({ failure, deadLettered }: StreamCounts): boolean {
  return failure !== undefined || deadLettered > 0;
}

/** To one decimal; 0 for a stream that took no time. */
export function requestsPerSecond(requests: number, seconds: number): number {
  return seconds > 0 ? Math.round((requests / seconds) * 10) / 10 : 0;
}
