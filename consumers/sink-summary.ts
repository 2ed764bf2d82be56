import { messageOf } from '../core/errors.ts';
import { textTable } from '../core/text-table.ts';
import type { SinkCounts } from './sink-counts.ts';

/** What was sunk as a table, then a line for every failure. At most 80 columns wide. */
export function sinkSummary(counts: readonly SinkCounts[]): string {
  const hasLetters = counts.some(({ deadLetters }) => deadLetters > 0);
  const rows = counts.map(
    ({ stream, table, rows: rowCount, batches, insertSeconds, deadLetters, failure }) => [
      stream,
      table,
      rowCount,
      batches,
      Number(insertSeconds.toFixed(1)),
      ...(hasLetters ? [deadLetters] : []),
      failure === undefined ? 'ok' : 'failed',
    ],
  );
  const heads = ['stream', 'table', 'rows', 'inserts', 'seconds', ...(hasLetters ? ['dead'] : []), ''];
  const letters = hasLetters ? ['dead: messages set aside on the topic of dead letters'] : [];
  const failures = counts.flatMap(({ stream, failure }) =>
    failure === undefined ? [] : [`${stream} failed: ${messageOf(failure)}`],
  );
  return [textTable(heads, rows), ...letters, ...failures].join('\n');
}
