import type { ProblemLine } from './problem.ts';
import type { RunOutcome } from './runs.ts';

/** `GET /api/streams/NAME` */
export interface StreamAnswer {
  readonly atMs: number;
  readonly subject: string;
  readonly view: string;
  readonly stream: {
    readonly stream: string;
    readonly topic:
      { readonly name: string; readonly partitions: readonly PartitionLine[] } | null | undefined;
    readonly table: { readonly name: string; readonly rows: number } | null | undefined;
    readonly lag: number | null | undefined;
    readonly lastRun: StreamLastRun | null | undefined;
    readonly checkpoint: StreamCheckpoint | null | undefined;
    readonly deadLetters: number | undefined;
  };
  /** Problems, the most urgent first. */
  readonly attention: readonly ProblemLine[];
}

export interface StreamLastRun {
  readonly run: string;
  readonly outcome: RunOutcome;
  readonly finishedAtMs: number;
  readonly failure: string | undefined;
}

export interface StreamCheckpoint {
  readonly run: string;
  readonly startedAtMs: number;
  readonly isComplete: boolean;
  readonly pages: number;
  readonly records: number;
}

export interface PartitionLine {
  readonly partition: number;
  readonly start: number;
  readonly end: number;
  readonly committed?: number | undefined;
  readonly lag: number | undefined;
}
