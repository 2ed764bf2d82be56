import { messageOf } from '../core/errors.ts';
import { textTable } from '../core/text-table.ts';
import type { SinkCounts } from './stream-sink.ts';

/** What was sunk as a table, then a line for every failure. At most 80 columns wide. */
export function sinkSummary(counts: readonly SinkCounts[]): string {
  const rows = counts.map(({ stream, table, rows: rowCount, batches, insertSeconds, failure }) => [
    stream,
    table,
    rowCount,
    batches,
    Number(insertSeconds.toFixed(1)),
    failure === undefined ? 'ok' : 'failed',
  ]);
  const failures = counts.flatMap(({ stream, failure }) =>
    failure === undefined ? [] : [`${stream} failed: ${messageOf(failure)}`],
  );
  return [textTable(['stream', 'table', 'rows', 'inserts', 'seconds', ''], rows), ...failures].join('\n');
}
