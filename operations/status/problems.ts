import { adviceOf } from '../../core/remedy.ts';
import { ago, several } from '../../core/terminal/amounts.ts';
import type { StreamProblem } from './problem.ts';
import type { StreamStatus } from './stream-status.ts';

/**
 * Returns the problems of a stream with their remedies. Any problem makes `status --check` fail.
 * @param isStalled whether the stream has lag, and the sink made no progress while it was watched.
 */
export function problemsOf(
  { stream, lastRun, lag, deadLetters = 0 }: Omit<StreamStatus, 'problems'>,
  { atMs, maxAgeMs, isStalled }: { atMs: number; maxAgeMs: number; isStalled: boolean },
): StreamProblem[] {
  const problems: StreamProblem[] = [];
  const base = { severity: 'problem', stream } as const;
  if (lastRun?.outcome === 'failed')
    problems.push({
      ...{ kind: 'failed', ...base, run: lastRun.run },
      ...adviceOf(`the last run of produce failed: ${lastRun.failure ?? 'no reason recorded'}`),
    });
  if (lastRun && atMs - lastRun.finishedAtMs > maxAgeMs)
    problems.push(staleProblem(stream, lastRun.finishedAtMs, atMs));
  if (isStalled) problems.push(stalledProblem(stream, lag ?? 0n));
  if (deadLetters > 0)
    problems.push({
      ...{ kind: 'dead-letters', ...base, count: deadLetters },
      message: deadLettersText(deadLetters),
      remedy: `\`npm run dead-letters -- list --streams ${stream}\``,
    });
  return problems;
}

function staleProblem(stream: string, finishedAtMs: number, atMs: number): StreamProblem {
  return {
    ...{ kind: 'stale', severity: 'problem', stream, finishedAtMs },
    message: `stale: the last run of produce ended ${ago(finishedAtMs, atMs)}`,
    remedy: 'check that `npm run produce -- --every 1h` is running',
  };
}

function stalledProblem(stream: string, lag: bigint): StreamProblem {
  return {
    ...{ kind: 'stalled', severity: 'problem', stream, lag },
    message: stalledText(lag),
    remedy: 'check that `npm run sink` is running',
  };
}

export function stalledText(lag: bigint): string {
  return `lag of ~${several(Number(lag), 'message')} and no progress`;
}

export function deadLettersText(count: number): string {
  return `${several(count, 'dead letter')} pending`;
}
