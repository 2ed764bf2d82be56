/** What one stream did in a run. */
export interface StreamCounts {
  readonly stream: string;
  readonly topic: string;
  pages: number;
  requests: number;
  retries: number;
  /** Records read. */
  records: number;
  /** Messages that Kafka has acknowledged. */
  messages: number;
  bytes: number;
  /** Records that could not become a message. */
  rejected: number;
  /** Full names of the fields that the schema learnt. */
  readonly newFields: string[];
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
    records: 0,
    messages: 0,
    bytes: 0,
    rejected: 0,
    newFields: [],
    seconds: 0,
    failure: undefined,
  };
}

/** True where the stream or any record of it failed. */
export function hasFailed({ failure, rejected }: StreamCounts): boolean {
  return failure !== undefined || rejected > 0;
}
