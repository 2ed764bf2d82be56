import Table from 'cli-table3';
import { visibleLine } from './terminal.ts';

export type Cell = string | number;

/** A table of plain text with a header and no lines: numbers to the right, everything else to the left. */
export function textTable(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const isNumeric = head.map((_, column) => rows.every((row) => typeof row[column] === 'number'));
  const table = new Table({
    head: [...head],
    chars: Object.fromEntries(borders.map((border) => [border, ''])),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
    colAligns: isNumeric.map((numeric) => (numeric ? 'right' : 'left')),
  });
  table.push(
    ...rows.map((row) => row.map((cell) => (typeof cell === 'number' ? format(cell) : visibleLine(cell)))),
  );
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

const borders = [
  ...['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right'],
  ...['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle'],
];

function format(value: number): string {
  return Number.isInteger(value) ? value.toLocaleString('en-US') : value.toFixed(1);
}
