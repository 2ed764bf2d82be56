import { messageOf, StoppedError } from '../../core/errors.ts';
import { approximate, byteSize, clock, several } from '../../core/terminal/amounts.ts';
import { textTable } from '../../core/terminal/columns.ts';
import type { ReplayCounts } from './replay-counts.ts';
import type { ReplayPlan } from './replay-plan.ts';

/** Returns a line for each failed stream, and one line for all stopped streams. */
export function failureLines(counts: readonly ReplayCounts[]): string[] {
  const stopped = counts.filter(({ failure }) => failure instanceof StoppedError);
  const failed = counts.filter(({ failure }) => failure && !(failure instanceof StoppedError));
  const done = counts.filter(({ state }) => state === 'done').length;
  const lines = failed.map(({ stream, failure }) => `${stream} failed: ${messageOf(failure)}`);
  const [first] = stopped;
  if (first === undefined) return lines;
  return [`${messageOf(first.failure)}: ${done} replayed, ${stopped.length} left unchanged`, ...lines];
}

/** Formats the result as a table, followed by lines about missing rows and dead letters. */
export function replaySummary(counts: readonly ReplayCounts[]): string {
  const table = textTable(
    [
      { head: 'stream', of: ({ stream }) => stream },
      { head: 'messages', of: ({ rows }) => rows },
      { head: 'rows before', of: ({ liveBefore }) => liveBefore ?? '-' },
      { head: 'rows now', of: ({ liveAfter }) => liveAfter ?? '-' },
      {
        head: 'seconds',
        of: ({ startedMs, swappedMs }) =>
          startedMs === undefined || swappedMs === undefined ? '' : (swappedMs - startedMs) / 1000,
        format: (value) => Number(value).toFixed(1),
      },
      { head: '', of: ({ failure }) => (failure === undefined ? 'ok' : 'failed') },
    ],
    counts,
  );
  const fewer = counts.flatMap(({ stream, liveBefore = 0, liveAfter }) =>
    liveAfter === undefined || liveAfter >= liveBefore
      ? []
      : [
          `${stream}: ${several(liveBefore - liveAfter, 'row')} fewer than before, because the topic lacks the messages`,
        ],
  );
  const dead = counts.flatMap(({ stream, deadLetters }) =>
    deadLetters === 0
      ? []
      : [`${stream}: ${several(deadLetters, 'dead letter')}: npm run dead-letters -- list`],
  );
  return [table, ...fewer, ...dead].join('\n');
}

export function planSummary(plans: readonly ReplayPlan[]): string {
  const table = textTable(
    [
      { head: 'stream', of: ({ stream }) => stream },
      { head: 'rows now', of: ({ live }) => live ?? '-' },
      {
        head: 'messages',
        of: ({ messages, isExact }) => (isExact ? messages : approximate(messages)),
        align: 'right',
      },
      {
        head: 'size',
        of: ({ bytes, isExact }) => (isExact ? '' : '~') + byteSize(bytes),
        align: 'right',
      },
      { head: 'time', of: ({ seconds }) => clock(Math.ceil(seconds)) },
    ],
    plans,
  );
  const isSampled = plans.some(({ isExact }) => !isExact);
  return `${table}\n${isSampled ? '~ is an estimate from a sample. ' : ''}The time is an estimate. Nothing was changed.`;
}
