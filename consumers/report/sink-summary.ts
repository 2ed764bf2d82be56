import { messageOf } from '../../core/errors.ts';
import { endingLines } from '../../core/shared-endings.ts';
import { textTable } from '../../core/terminal/text-table.ts';
import type { SinkCounts } from './sink-counts.ts';

const WIDTH = 80;

/** What was sunk as a table, then a line for every reason of failure. At most 80 columns wide, but for the reasons. */
export function sinkSummary(counts: readonly SinkCounts[]): string {
  const failures = endingLines(
    counts.map(({ stream, failure }) => [stream, failure && `failed: ${messageOf(failure)}`]),
  );
  const hasSunk = counts.some(({ rows, deadLetters }) => rows + deadLetters > 0);
  // Where nothing was sunk for one reason, rows of zeros would only hide it.
  if (
    !hasSunk &&
    counts.length > 1 &&
    failures.length === 1 &&
    counts.every(({ failure }) => failure !== undefined)
  )
    return failures.join('\n');
  const hasLetters = counts.some(({ deadLetters }) => deadLetters > 0);
  const table = tableOf(counts, hasLetters, true);
  const isWide = table.split('\n').some(({ length }) => length > WIDTH);
  const letters = hasLetters ? ['dead: messages rejected: npm run dead-letters -- list'] : [];
  return [isWide ? tableOf(counts, hasLetters, false) : table, ...letters, ...failures].join('\n');
}

/** @param hasTable a column with the name of the table, which the stream's tells as well. */
function tableOf(counts: readonly SinkCounts[], hasLetters: boolean, hasTable: boolean): string {
  const rows = counts.map(
    ({ stream, table, rows: rowCount, batches, insertSeconds, deadLetters, failure }) => [
      stream,
      ...(hasTable ? [table] : []),
      rowCount,
      batches,
      Number(insertSeconds.toFixed(1)),
      ...(hasLetters ? [deadLetters] : []),
      failure === undefined ? 'ok' : 'failed',
    ],
  );
  const heads = [
    'stream',
    ...(hasTable ? ['table'] : []),
    'rows',
    'inserts',
    'seconds',
    ...(hasLetters ? ['dead'] : []),
    '',
  ];
  return textTable(heads, rows);
}
