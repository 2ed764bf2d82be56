import { messageOf } from '../core/errors.ts';
import { textTable } from '../core/text-table.ts';
import type { StreamCounts } from './stream-counts.ts';

/** The run as a table, then a line for every failure and for every stream that learnt fields. At most 80 columns wide. */
export function runSummary(counts: readonly StreamCounts[]): string {
  const rows = counts.map((count) => [
    count.stream,
    count.pages,
    count.records,
    count.messages,
    count.rejected,
    count.retries,
    count.seconds,
  ]);
  const head = ['stream', 'pages', 'records', 'sent', 'rejected', 'retries', 'seconds'];
  return [textTable(head, rows), ...newFieldLines(counts), ...failureLines(counts)].join('\n');
}

function newFieldLines(counts: readonly StreamCounts[]): string[] {
  return counts
    .filter(({ newFields }) => newFields.length > 0)
    .map(({ stream, newFields }) => `${stream} has new fields: ${newFields.join(', ')}`);
}

/** A failure that several streams share (a refused key) is said once. */
function failureLines(counts: readonly StreamCounts[]): string[] {
  const streamsByReason = new Map<string, string[]>();
  for (const { stream, failure } of counts) {
    if (failure === undefined) continue;
    const reason = messageOf(failure);
    streamsByReason.set(reason, [...(streamsByReason.get(reason) ?? []), stream]);
  }
  return [...streamsByReason].map(([reason, names]) => `${names.join(', ')} failed: ${reason}`);
}
