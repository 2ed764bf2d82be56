import { messageOf, StoppedError } from '../../core/errors.ts';
import { aligned, clock } from '../../core/terminal/live-cells.ts';
import { textTable } from '../../core/terminal/text-table.ts';
import type { ReplayCounts } from './replay-counts.ts';
import type { ReplayPlan } from './replay-plan.ts';

const MIB = 1024 * 1024;

/** A line for each stream that failed; of those that were stopped one for all. */
export function failureLines(counts: readonly ReplayCounts[]): string[] {
  const stopped = counts.filter(({ failure }) => failure instanceof StoppedError);
  const reason = messageOf(stopped[0]?.failure);
  const done = counts.filter(({ state }) => state === 'done').length;
  const lines =
    stopped.length === 0 ? [] : [`${reason}: ${done} replayed, ${stopped.length} left as they were`];
  return [...lines, ...linesOfFailed(counts)];
}

function linesOfFailed(counts: readonly ReplayCounts[]): string[] {
  return counts.flatMap(({ stream, failure }) =>
    failure === undefined || failure instanceof StoppedError
      ? []
      : [`${stream} failed: ${messageOf(failure)}`],
  );
}

/** What was replayed as a table, and what is missing of it. At most 80 columns wide. */
export function replaySummary(counts: readonly ReplayCounts[]): string {
  const before = aligned(
    counts.map(({ liveBefore }) => countText(liveBefore)),
    'right',
  );
  const after = aligned(
    counts.map(({ liveAfter }) => countText(liveAfter)),
    'right',
  );
  const rows = counts.map(({ stream, rows: made, startedMs, swappedMs, failure }, index) => {
    const seconds =
      startedMs === undefined || swappedMs === undefined ? '' : ((swappedMs - startedMs) / 1000).toFixed(1);
    return [
      stream,
      made,
      before[index] ?? '',
      after[index] ?? '',
      seconds,
      failure === undefined ? 'ok' : 'failed',
    ];
  });
  const fewer = counts.flatMap(({ stream, liveBefore = 0, liveAfter }) =>
    liveAfter === undefined || liveAfter >= liveBefore
      ? []
      : [
          `${stream}: ${(liveBefore - liveAfter).toLocaleString('en-US')} rows fewer than before, which the topic does not have`,
        ],
  );
  const letters = counts.flatMap(({ stream, deadLetters }) =>
    deadLetters === 0
      ? []
      : [
          `${stream}: ${deadLetters.toLocaleString('en-US')} messages cannot become rows: npm run dead-letters -- list`,
        ],
  );
  const heads = ['stream', 'messages', 'rows before', 'rows now', 'seconds', ''];
  return [textTable(heads, rows), ...fewer, ...letters].join('\n');
}

/** What would be done, as a table. */
export function planSummary(plans: readonly ReplayPlan[]): string {
  const rows = plans.map(({ stream, live, messages, bytes, seconds }) => [
    stream,
    countText(live),
    messages,
    (bytes / MIB).toFixed(1),
    clock(Math.ceil(seconds)),
  ]);
  return [
    textTable(['stream', 'rows now', 'messages', 'MiB', 'time'], rows),
    'messages, MiB and time: about, from a sample. Nothing was changed.',
  ].join('\n');
}

function countText(count: number | undefined): string {
  return count === undefined ? '-' : count.toLocaleString('en-US');
}
