import { ago, several } from '../../core/terminal/amounts.ts';
import type { StreamStatus } from './stream-status.ts';

export interface ProblemOptions {
  readonly atMs: number;
  /** A stream whose last run ended before that many milliseconds is stale. */
  readonly maxAgeMs: number;
  /** Messages wait, and the sink passed none of them while status watched. */
  readonly isStalled: boolean;
}

/** What of a stream needs a person, each with its remedy: the last lines of `status`, and why `status --check` ends with 1. */
export function problemsOf(
  { stream, lastRun, lag, deadLetters = 0 }: Omit<StreamStatus, 'problems'>,
  { atMs, maxAgeMs, isStalled }: ProblemOptions,
): string[] {
  const problems: string[] = [];
  if (lastRun?.outcome === 'failed')
    problems.push(`the last run of produce failed: ${lastRun.failure ?? 'it gave no reason'}`);
  if (lastRun && atMs - lastRun.finishedAtMs > maxAgeMs)
    problems.push(
      `stale: the last run of produce ended ${ago(lastRun.finishedAtMs, atMs)}; is \`npm run produce -- --every 1h\` running?`,
    );
  if (isStalled)
    problems.push(
      `lag ${several(Number(lag ?? 0), 'message')} and no progress; is \`npm run sink\` running?`,
    );
  if (deadLetters > 0)
    problems.push(
      `${several(deadLetters, 'dead letter')} pending: \`npm run dead-letters -- list --streams ${stream}\``,
    );
  return problems;
}
