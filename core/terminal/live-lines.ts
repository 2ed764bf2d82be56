import { visibleLine, type Output } from './terminal.ts';

type Terminal = Pick<Output, 'write'> & { readonly columns?: number };

const ERASE_LINE = '\u001b[2K';
export const REDRAW_MS = 200;

/**
 * Lines at the bottom of a terminal that are redrawn. While they are shown, other output to the
 * same terminal must use {@link writeAbove}.
 */
export class LiveLines {
  readonly #terminal: Terminal;
  #lines: readonly string[] = [];

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** Replaces the lines. They must leave one row of the terminal free. */
  show(lines: readonly string[]): void {
    if (lines.length === 0 && this.#lines.length === 0) return;
    const shown = lines.map(visibleLine);
    const text = this.#erased() + drawn(shown);
    this.#lines = shown;
    this.#terminal.write(text);
  }

  /** Writes permanent text, which must end with a newline, above the lines. */
  writeAbove(text: string): void {
    if (this.#lines.length === 0) this.#terminal.write(text);
    else this.#terminal.write(this.#erased() + text + drawn(this.#lines));
  }

  /**
   * A line that was drawn on a wider terminal fills several rows now. Rows are erased one by one,
   * because terminals copy a whole screen that is erased at once into their scrollback.
   */
  #erased(): string {
    // A terminal that does not know its size reports 0.
    const columns = this.#terminal.columns || Infinity;
    const rows = this.#lines.reduce((sum, { length }) => sum + Math.max(1, Math.ceil(length / columns)), 0);
    const toTop = rows === 0 ? '' : `\u001b[${rows}A\r`;
    return toTop + `${ERASE_LINE}\n`.repeat(rows) + toTop;
  }
}

/** Erases before it writes: erasing after a line that fills the row would cut its end. */
function drawn(lines: readonly string[]): string {
  return lines.map((line) => `${ERASE_LINE}${line}\n`).join('');
}

export const liveLines = new LiveLines(process.stderr);

/** Draws five times a second until `stop` removes the lines; does nothing without a terminal. */
export function drawLive(
  out: NodeJS.WriteStream,
  lines: LiveLines,
  linesOf: (columns: number, rows: number) => readonly string[],
): { stop(): void } {
  if (!out.isTTY) return { stop: () => undefined };
  const timer = setInterval(() => {
    // A terminal that does not know its size reports 0.
    lines.show(linesOf(out.columns || 80, out.rows || 24));
  }, REDRAW_MS).unref();
  return {
    stop: () => {
      clearInterval(timer);
      lines.show([]);
    },
  };
}
