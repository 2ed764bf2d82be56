/** What a replay of one stream is doing, in this order. */
export type ReplayState =
  'waiting' | 'preparing' | 'filling' | 'following' | 'swapping' | 'proving' | 'done' | 'failed';

/** What the replay of one stream has done so far. Live: read by progress and summary while it grows. */
export interface ReplayCounts {
  readonly stream: string;
  state: ReplayState;
  /** Offsets between where it begins and the topic's end at that time: messages, and gaps that compaction has left. */
  offsets: number;
  /** Of these, passed. */
  passed: number;
  /** Rows made from messages. */
  rows: number;
  deadLetters: number;
  /** Rows that readers saw before, and see now; undefined before the swap, or where there was no table. */
  liveBefore: number | undefined;
  liveAfter: number | undefined;
  /** When it began to fill, and when readers saw the new table, by `performance.now()`. */
  startedMs: number | undefined;
  swappedMs: number | undefined;
  failure: Error | undefined;
}

export function createReplayCounts(stream: string): ReplayCounts {
  return {
    stream,
    state: 'waiting',
    offsets: 0,
    passed: 0,
    rows: 0,
    deadLetters: 0,
    liveBefore: undefined,
    liveAfter: undefined,
    startedMs: undefined,
    swappedMs: undefined,
    failure: undefined,
  };
}
