import { messageOf } from '../../core/errors.ts';
import { endingLines } from '../../core/shared-endings.ts';
import { firstFitting, textTable, type Column } from '../../core/terminal/columns.ts';
import type { SinkCounts } from './sink-counts.ts';

const WIDTH = 80;

/** Returns a table of the streams and the reasons for failures, which may exceed 80 columns. */
export function sinkSummary(counts: readonly SinkCounts[]): string {
  const failures = endingLines(
    counts.map(({ stream, failure }) => [stream, failure && `failed: ${messageOf(failure)}`]),
  );
  const hasSunk = counts.some(({ rows, deadLetters }) => rows + deadLetters > 0);
  const hasOneReason = failures.length === 1 && counts.every(({ failure }) => failure !== undefined);
  // If nothing was copied, and all streams failed for the same reason, rows of zeros would only
  // hide the reason.
  if (!hasSunk && counts.length > 1 && hasOneReason) return failures.join('\n');
  const hasDeadLetters = counts.some(({ deadLetters }) => deadLetters > 0);
  const deadLetterLines = hasDeadLetters
    ? ['dead: rejected messages, which `npm run dead-letters -- list` shows']
    : [];
  const tables = [true, false].map((hasTable) => tableOf(counts, hasDeadLetters, hasTable));
  return [firstFitting(WIDTH, tables), ...deadLetterLines, ...failures].join('\n');
}

/** @param hasTable whether to include the table names, which follow from the stream names. */
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
