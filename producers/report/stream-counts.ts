export type StreamState = 'waiting' | 'reading' | 'deleting' | 'done' | 'failed' | 'stopped';

/** A field that was added to the schema: full name (`line_items.vat`) and type, never a value. */
interface NewField {
  readonly field: string;
  readonly type: string;
}

/**
 * Live counts of one stream in a run, for the progress display, the summary, the metrics and the
 * run's record.
 */
export class StreamCounts {
  readonly stream: string;
  readonly topic: string;
  pages = 0;
  requests = 0;
  retries = 0;
  /** Responses with status 429 or 503. */
  rateLimited = 0;
  records = 0;
  /** Records that were not on the topic. */
  new = 0;
  /** Records that were on the topic with other values. */
  changed = 0;
  unchanged = 0;
  deleted = 0;
  /** Records on the dead-letter topic, sent there by this run or an earlier one. */
  deadLettered = 0;
  /** Fields or values omitted in mode `discard`. */
  discarded = 0;
  /** Messages that this run has committed to the stream's own topic. */
  messages = 0;
  bytes = 0;
  isResumed = false;
  readonly newFields: NewField[] = [];
  /** Expected number of pages of this run, used to show progress; undefined if unknown. */
  expectedPages: number | undefined = undefined;
  /** Parents whose list was denied (403). Their children are not changed. */
  denied = 0;
  /** Whether the account lacks the stream, and no earlier run has read it. */
  isAbsent = false;
  /** The reason why the stream counts as absent; undefined for an optional stream. */
  absence: string | undefined = undefined;
  state: StreamState = 'waiting';
  /** The time at which the stream began, in milliseconds since 1970; 0 while it waits. */
  startedAtMs = 0;
  /** How long the stream took. Set at its end. */
  seconds = 0;
  /** The reason why the stream as a whole failed. */
  failure: Error | undefined = undefined;

  constructor(stream: string, topic: string) {
    this.stream = stream;
    this.topic = topic;
  }
}

/** Returns whether the stream or any of its records failed. */
export function hasFailed({ failure, deadLettered }: StreamCounts): boolean {
  return failure !== undefined || deadLettered > 0;
}

/** Returns a rate with one decimal; 0 if no time has passed. */
export function requestsPerSecond(requests: number, seconds: number): number {
  return seconds > 0 ? Math.round((requests / seconds) * 10) / 10 : 0;
}
