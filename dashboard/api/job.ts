import type { ApiError } from './error.ts';

/**
 * Work that outlives the request that started it. The server keeps its end until the next start.
 */
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
