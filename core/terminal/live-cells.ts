import type { LiveLines } from './live-lines.ts';

/** What the live lines of several commands are drawn with: when, in how much room, and how their cells look. */

const REDRAW_MS = 200;
const MOVING_PART_WIDTH = 3;

/**
 * Draws what `linesOf` gives for the terminal's size five times a second; `stop` takes it away. Does nothing where `out` is
 * no terminal.
 *
 * @param linesOf is called with the columns and rows that the terminal has at that moment.
 */
export function drawLive(
  out: NodeJS.WriteStream,
  lines: LiveLines,
  linesOf: (width: number, rows: number) => readonly string[],
): { stop(): void } {
  if (!out.isTTY) return { stop: () => undefined };
  const timer = setInterval(() => {
    // A terminal that does not know its size gives 0.
    lines.show(linesOf(out.columns || 80, out.rows || 24));
  }, REDRAW_MS).unref();
  return {
    stop: () => {
      clearInterval(timer);
      lines.clear();
    },
  };
}

/**
 * The first of the items, a row each, and how many of them have no room.
 *
 * @param hasRest a row is kept for something else; without it one is kept only where items are hidden, to say so.
 */
export function fitRows<T>(
  items: readonly T[],
  rows: number,
  hasRest = false,
): { shown: readonly T[]; hidden: number } {
  const room = hasRest || items.length > rows ? Math.max(0, rows - 1) : rows;
  const shown = items.slice(0, room);
  return { shown, hidden: items.length - shown.length };
}

/** `1 page`, `1,200 pages` */
export function several(count: number, thing: string): string {
  return `${grouped(count)} ${thing}${count === 1 ? '' : 's'}`;
}

/** `1,200` */
export function grouped(count: number): string {
  return count.toLocaleString('en-US');
}

/** `1:05`, `2:01:05`; of whole seconds. */
export function clock(seconds: number): string {
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const parts = [...(hours > 0 ? [hours] : []), minutes, seconds % 60];
  return parts.map((part, index) => (index === 0 ? String(part) : String(part).padStart(2, '0'))).join(':');
}

/** Filled up to the width of the longest. */
export function aligned(texts: readonly string[], side: 'left' | 'right'): string[] {
  const width = Math.max(0, ...texts.map(({ length }) => length));
  return texts.map((text) => (side === 'left' ? text.padEnd(width) : text.padStart(width)));
}

/** No wider than `width`; an ellipsis stands for what is left out. */
export function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

/** Filled to the share, or with a part that moves to and fro where the share is not known. */
export function bar(share: number | undefined, width: number, nowMs: number): string {
  const [start, length] =
    share === undefined
      ? [swing(Math.floor(nowMs / REDRAW_MS), width - MOVING_PART_WIDTH), MOVING_PART_WIDTH]
      : [0, Math.floor(share * width)];
  return '░'.repeat(start) + '█'.repeat(length) + '░'.repeat(width - start - length);
}

/** 0, 1, … `end` … 1, 0, 1, …, by steps. */
function swing(step: number, end: number): number {
  return end - Math.abs(end - (step % (2 * end)));
}
