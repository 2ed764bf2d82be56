import { messageOf } from '../../core/errors.ts';
import { endingLines } from '../../core/shared-endings.ts';
import { firstFitting, textTable, type Column } from '../../core/terminal/columns.ts';
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
  const hasDeadLetters = counts.some(({ deadLetters }) => deadLetters > 0);
  const deadLetterLines = hasDeadLetters ? ['dead: messages rejected: npm run dead-letters -- list'] : [];
  const table = firstFitting(
    WIDTH,
    [true, false].map((hasTable) => tableOf(counts, hasDeadLetters, hasTable)),
  );
  return [table, ...deadLetterLines, ...failures].join('\n');
}

/** @param hasTable includes the column of table names, which follow from those of the streams. */
function tableOf(counts: readonly SinkCounts[], hasDeadLetters: boolean, hasTable: boolean): string {
  const columns: Column<SinkCounts>[] = [
    { head: 'stream', of: ({ stream }) => stream },
    ...(hasTable ? [{ head: 'table', of: ({ table }: SinkCounts) => table }] : []),
    { head: 'rows', of: ({ rows }) => rows },
    { head: 'inserts', of: ({ batches }) => batches },
    { head: 'seconds', of: ({ insertSeconds }) => Number(insertSeconds.toFixed(1)) },
    ...(hasDeadLetters ? [{ head: 'dead', of: ({ deadLetters }: SinkCounts) => deadLetters }] : []),
    { head: '', of: ({ failure }) => (failure === undefined ? 'ok' : 'failed') },
  ];
  return textTable(columns, counts);
}
