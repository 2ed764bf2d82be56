import type { JobState } from './job.ts';

export type DeadLetterState = 'waiting' | 'redriven' | 'discarded';

export interface DeadLetterLine {
  readonly id: string;
  readonly stream: string;
  readonly step: 'produce' | 'sink';
  readonly code: string;
  readonly reason: string;
  readonly state: DeadLetterState;
  readonly rejectedMs: number;
  /** The number of redrives that failed. */
  readonly attempts: number;
  readonly recordKey?: string;
}

/** The number of dead letters with the same stream, step and code. */
export interface DeadLetterKind {
  readonly stream: string;
  readonly step: 'produce' | 'sink';
  readonly code: string;
  readonly count: number;
}

/** `GET /api/dead-letters?state=&stream=&text=&offset=`: one page, newest first. */
export interface DeadLetterList {
  readonly counts: Readonly<Record<DeadLetterState, number>>;
  /** The kinds of dead letters in the chosen state, the most frequent first. */
  readonly kinds: readonly DeadLetterKind[];
  /** The number of dead letters that match the filter. */
  readonly total: number;
  readonly deadLetters: readonly DeadLetterLine[];
  /** Messages on the topic that are not dead letters of this prefix. */
  readonly others: number;
}

/** `GET /api/dead-letters/ID`. */
export interface DeadLetterDetails extends DeadLetterLine {
  readonly topic?: string;
  readonly partition?: number;
  readonly offset?: number;
  readonly timestampMs?: number;
  readonly redrivenMs?: number;
  readonly bytes: number;
  readonly headers: Readonly<Record<string, string>>;
  /**
   * The record as JSON with every digit, or only its start if it is large; absent if the value
   * cannot be decoded.
   */
  readonly record?: string;
  /** The reason why there is no record, and the first bytes as a hex dump. */
  readonly why?: string;
  readonly hexDump?: string;
}

/** The body of `POST /api/dead-letters/settle`. */
export interface SettleRequest {
  readonly action: 'redrive' | 'discard';
  readonly ids: readonly string[];
  /** The reason for a discard. */
  readonly reason?: string;
}

export interface SettledDeadLetter {
  readonly id: string;
  readonly stream: string;
  readonly outcome: 'redriven' | 'failed' | 'skipped' | 'discarded';
  readonly text: string;
}

export interface SettleProgress {
  readonly request: SettleRequest;
  readonly settled: readonly SettledDeadLetter[];
}

/**
 * `GET /api/dead-letters/job`. `POST /api/dead-letters/settle` starts the job, and `…/cancel`
 * cancels it.
 */
export type SettleJob = JobState<SettleProgress, null>;
