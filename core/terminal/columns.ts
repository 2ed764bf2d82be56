import { formatNumber } from './amounts.ts';
import { visibleLine } from './terminal.ts';

/** Text, or a number that the table formats. */
export type Cell = string | number | bigint;

export interface Column<Row> {
  readonly head: string;
  readonly of: (row: Row) => Cell;
  /** Right-aligns the column. By default, a column that contains a number is right-aligned. */
  readonly align?: 'right';
  /** Overrides the number format of the table. */
  readonly format?: (value: number | bigint) => string;
}

type Align = 'left' | 'right';

const GAP = '  ';
const STANDARD_WIDTH = 80;

/** Returns the width of a terminal in columns; infinity for a pipe or file. */
export function widthOf(output: { readonly isTTY?: boolean; readonly columns?: number }): number {
  return output.isTTY === true ? output.columns || STANDARD_WIDTH : Infinity;
}

/** Returns a table of plain text. */
export function textTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  format: (value: number | bigint) => string = formatNumber,
): string {
  const cells = rows.map((row) => columns.map(({ of }) => of(row)));
  const isNumeric = (at: number) => cells.some((row) => typeof row[at] !== 'string');
  const aligns = columns.map(({ align }, at) => align ?? (isNumeric(at) ? 'right' : 'left'));
  const textOf = (cell: Cell, at: number) =>
    typeof cell === 'string' ? visibleLine(cell) : (columns[at]?.format ?? format)(cell);
  const lines = [columns.map(({ head }) => head), ...cells.map((row) => row.map(textOf))];
  return padCells(lines, aligns).map(joinCells).join('\n');
}

export function padCells(rows: readonly (readonly string[])[], aligns: readonly Align[]): string[][] {
  const widths = aligns.map((_, column) => Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    aligns.map((align, column) => {
      const [text, width] = [row[column] ?? '', widths[column] ?? 0];
      return align === 'left' ? text.padEnd(width) : text.padStart(width);
    }),
  );
}

export function joinCells(cells: readonly string[]): string {
  return cells.join(GAP).trimEnd();
}

/** Returns the first variant whose lines all fit; the last variant if none does. */
export function firstFitting(width: number, variants: Iterable<string>): string {
  let last = '';
  for (const text of variants) {
    if (text.split('\n').every(({ length }) => length <= width)) return text;
    last = text;
  }
  return last;
}

export function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}
