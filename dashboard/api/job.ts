import type { ApiError } from './error.ts';

/**
 * Work that outlives the request that started it. The server keeps its outcome until the next
 * start.
 */
export interface JobState<Progress, Result> {
  readonly state: 'idle' | 'running' | 'done' | 'failed' | 'cancelled';
  readonly startedMs?: number;
  readonly endedMs?: number;
  readonly progress?: Progress;
  /** Set only with `done`. */
  readonly result?: Result;
  /** Set only with `failed`. */
  readonly error?: ApiError['error'];
}
