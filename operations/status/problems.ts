import { ago, several } from '../../core/terminal/amounts.ts';
import type { StreamStatus } from './stream-status.ts';

/**
 * Returns the problems of a stream with their remedies. Any problem fails `status --check`.
 * @param isStalled the stream has lag, and the sink made no progress while `status` watched.
 */
export function problemsOf(
  { stream, lastRun, lag, deadLetters = 0 }: Omit<StreamStatus, 'problems'>,
  { atMs, maxAgeMs, isStalled }: { atMs: number; maxAgeMs: number; isStalled: boolean },
): string[] {
  const problems: string[] = [];
  if (lastRun?.outcome === 'failed')
    problems.push(`the last run of produce failed: ${lastRun.failure ?? 'no reason recorded'}`);
  if (lastRun && atMs - lastRun.finishedAtMs > maxAgeMs)
    problems.push(
      `stale: the last run of produce ended ${ago(lastRun.finishedAtMs, atMs)}; is \`npm run produce -- --every 1h\` running?`,
    );
  if (isStalled)
    problems.push(
      `lag ~${several(Number(lag ?? 0), 'message')} and no progress; is \`npm run sink\` running?`,
    );
  if (deadLetters > 0)
    problems.push(
      `${several(deadLetters, 'dead letter')} pending: \`npm run dead-letters -- list --streams ${stream}\``,
    );
  return problems;
}
