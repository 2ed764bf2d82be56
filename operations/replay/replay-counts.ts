/** The steps of a stream's replay in order, then its outcomes. */
type ReplayState =
  'waiting' | 'preparing' | 'filling' | 'following' | 'swapping' | 'proving' | 'done' | 'failed';

/** The progress of a stream's replay. Progress lines read it while it changes. */
export class ReplayCounts {
  readonly stream: string;
  state: ReplayState = 'waiting';
  /** Offsets to replay, up to the end offset at the start, including compaction gaps. */
  offsets = 0;
  passed = 0;
  /** Rows inserted from messages. */
  rows = 0;
  deadLetters = 0;
  /** Rows that readers saw before and see now; undefined until counted, or without a table. */
  liveBefore: number | undefined;
  liveAfter: number | undefined;
  /** The times at which filling began and readers saw the new table, from `performance.now()`. */
  startedMs: number | undefined;
  swappedMs: number | undefined;
  failure: Error | undefined;

  constructor(stream: string) {
    this.stream = stream;
  }
}
