import { cut, joinCells, padCells } from '../../core/terminal/columns.ts';
import { visibleLine } from '../../core/terminal/terminal.ts';
import type { ResultRows } from './result-rows.ts';

const NULL = 'NULL';
/** Maximum width of a value in a table with several columns. The list form shows entire values. */
const MAX_CELL = 40;

/**
 * Returns a table if its values are short and its lines fit the width, otherwise a list with one
 * line per value. The text contains no control characters except line breaks.
 */
export function rowsText(result: ResultRows, width: number): string {
  const { columns, rows } = result;
  const aligns = columns.map(({ type }) => (isNumeric(type) ? ('right' as const) : ('left' as const)));
  const cells = rows.map((row) => row.map((cell) => visibleLine(cell ?? NULL)));
  const isShort = cells.every((row) => row.every(({ length }) => length <= MAX_CELL || columns.length === 1));
  const heads = columns.map(({ name }) => visibleLine(name));
  const lines = padCells([heads, ...cells], aligns).map(joinCells);
  const fits = lines.every(({ length }) => length <= width);
  if (rows.length === 0 || (isShort && fits)) {
    const [head = '', ...body] = lines;
    return [head, '─'.repeat(Math.max(...lines.map(({ length }) => length))), ...body].join('\n');
  }
  const nameWidth = Math.max(...heads.map(({ length }) => length));
  return cells
    .map((row, at) =>
      [
        cut(`─ row ${at + 1} ${'─'.repeat(Math.max(0, nameWidth - 4))}`, width),
        ...row.map((cell, column) => `${(heads[column] ?? '').padEnd(nameWidth)}  ${cell}`),
      ].join('\n'),
    )
    .join('\n');
}

function isNumeric(type: string): boolean {
  return /^(?:Nullable\(|LowCardinality\()*(?:U?Int|Float|BFloat|Decimal)/.test(type);
}
