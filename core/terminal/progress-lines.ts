import { cut, joinCells, padCells } from './columns.ts';
import { REDRAW_MS } from './live-lines.ts';

const MOVING_PART_WIDTH = 3;
const MAX_NAME_WIDTH = 32;
const MAX_BAR_WIDTH = 24;
const MIN_BAR_WIDTH = 4;

interface ProgressRow {
  readonly name: string;
  /** 0 to 1; undefined if the total is unknown. */
  readonly share: number | undefined;
  readonly cells: readonly string[];
}

/**
 * Returns lines such as `customers  ████████░░░░░  62 %  1,240 records  31/s`. The bar fills the
 * free space, up to MAX_BAR_WIDTH.
 */
export function progressRows(rows: readonly ProgressRow[], nowMs: number, width: number): string[] {
  const texts = rows.map(({ name, cells }) => [cut(name, MAX_NAME_WIDTH), ...cells]);
  return padCells(texts, ['left', ...(rows[0]?.cells ?? []).map(() => 'right' as const)]).map(
    ([name = '', ...cells], index) => {
      const free = width - [name, ...cells].join('  ').length - 2;
      const bars =
        free < MIN_BAR_WIDTH ? [] : [bar(rows[index]?.share, Math.min(free, MAX_BAR_WIDTH), nowMs)];
      return cut(joinCells([name, ...bars, ...cells]), width);
    },
  );
}

/** @param hasRest reserves a row for other text, even if no items are hidden. */
export function fitRows<T>(
  items: readonly T[],
  rows: number,
  hasRest = false,
): { shown: readonly T[]; hidden: number } {
  const room = hasRest || items.length > rows ? Math.max(0, rows - 1) : rows;
  const shown = items.slice(0, room);
  return { shown, hidden: items.length - shown.length };
}

/** Returns a bar filled to the share; a part moves back and forth if the share is unknown. */
function bar(share: number | undefined, width: number, nowMs: number): string {
  const [start, length] =
    share === undefined
      ? [swing(Math.floor(nowMs / REDRAW_MS), width - MOVING_PART_WIDTH), MOVING_PART_WIDTH]
      : [0, Math.floor(share * width)];
  return '░'.repeat(start) + '█'.repeat(length) + '░'.repeat(width - start - length);
}

/** Returns 0, 1, … `end` … 1, 0, 1, … for successive steps. */
function swing(step: number, end: number): number {
  return end - Math.abs(end - (step % (2 * end)));
}
