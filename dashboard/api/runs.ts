import type { ProblemLine } from './problem.ts';

export type RunOutcome = 'done' | 'failed' | 'stopped' | 'absent';

export interface RunCounts {
  readonly pages: number;
  readonly requests: number;
  readonly retries: number;
  readonly rateLimited: number;
  readonly records: number;
  readonly new: number;
  readonly changed: number;
  readonly unchanged: number;
  readonly deleted: number;
  readonly deadLettered: number;
  readonly discarded: number;
  readonly denied: number;
  readonly messages: number;
  readonly bytes: number;
}

/** `GET /api/runs?limit=500&cursor=…`: newest first. */
export interface RunList {
  readonly runs: readonly RunLine[];
  /** The cursor for older runs; undefined if there are none. */
  readonly next?: string | undefined;
}

export interface RunLine {
  readonly run: string;
  readonly outcome: RunOutcome;
  readonly recordedAtMs: number;
  readonly startedAtMs: number | null;
  readonly finishedAtMs: number | null;
  readonly seconds: number;
  readonly streams: number;
  readonly failed: readonly string[];
  /** Streams that failed because the run would have deleted too many of their records. */
  readonly massDeletes: readonly string[];
  readonly newFields: number;
  readonly counts: RunCounts;
}

/** `GET /api/runs/RUN` */
export interface RunAnswer extends RunLine {
  readonly streamRuns: readonly RunStream[];
  /** The failures, one line per cause. */
  readonly problems: readonly ProblemLine[];
}

/** The result of the run for one stream. */
export interface RunStream {
  readonly stream: string;
  readonly outcome: RunOutcome;
  readonly startedAtMs: number | null;
  readonly finishedAtMs: number | null;
  readonly seconds: number;
  readonly failure: string | null;
  readonly failureCode: string | null;
  readonly absence: string | null;
  readonly isResumed: boolean;
  readonly newFields: readonly string[];
  readonly counts: RunCounts;
}
