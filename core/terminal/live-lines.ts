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
   * Returns the codes that erase the lines. A line that was drawn on a wider terminal now fills
   * several rows. Rows are erased one by one, because terminals copy a screen that is erased in one
   * step into their scrollback.
   */
  #erased(): string {
    // A terminal of unknown size reports 0.
    const columns = this.#terminal.columns || Infinity;
    const rows = this.#lines.reduce((sum, { length }) => sum + Math.max(1, Math.ceil(length / columns)), 0);
    const toTop = rows === 0 ? '' : `\u001b[${rows}A\r`;
    return toTop + `${ERASE_LINE}\n`.repeat(rows) + toTop;
  }
}

/**
 * Returns the codes that draw the lines. Each line is erased before it is written: erasing after a
 * line that fills the row would remove its last character.
 */
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
    // A terminal of unknown size reports 0.
    lines.show(linesOf(out.columns || 80, out.rows || 24));
  }, REDRAW_MS).unref();
  return {
    stop: () => {
      clearInterval(timer);
      lines.show([]);
    },
  };
}
