// The JSON of the dashboard's API, as types: the server writes it, and the pages read it. In every
// file of this folder, times are ms since 1970. If a value may be null or undefined, null means
// that it does not exist; undefined (absent in JSON) means that it is unknown, because it could not
// be read. Offsets and counts are far below 2^53.

import type { ProblemLine } from './problem.ts';
import type { RunOutcome } from './runs.ts';

/** The event `status`: the status of all streams, every few seconds. */
export interface Overview {
  readonly atMs: number;
  readonly streams: readonly StreamLine[];
  /** Problems, the most urgent first. */
  readonly attention: readonly ProblemLine[];
  /** The newest run of `npm run produce`. */
  readonly lastRun: RunTotals | null | undefined;
}

export interface StreamLine {
  readonly stream: string;
  /** The number of offsets on the topic, which is at least the number of messages. */
  readonly messages: number | null | undefined;
  readonly lag: number | null | undefined;
  readonly rows: number | null | undefined;
  readonly deadLetters: number | undefined;
  readonly lastRun: StreamRun | null | undefined;
  /** Whether a run is reading the stream, or was interrupted while reading it. */
  readonly isUnfinished: boolean;
  /** Whether `attention` has a line of severity `problem` about this stream. */
  readonly hasProblem: boolean;
}

export interface StreamRun {
  readonly run: string;
  readonly outcome: RunOutcome;
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
