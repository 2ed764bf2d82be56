import { visibleLine } from './terminal.ts';

/** A terminal, as far as lines that are drawn again and again need it. */
export interface Terminal {
  write(text: string): unknown;
  readonly columns?: number;
}

const ERASE_LINE = '\u001b[2K';

/**
 * The lines at the bottom of a terminal that are drawn again and again, such as progress. Whoever writes other lines to the
 * same terminal while they stand there writes them through {@link writeAbove}.
 */
export class LiveLines {
  readonly #terminal: Terminal;
  #lines: readonly string[] = [];

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** Draws the lines in place of those that stand there. They should be no more than the terminal has rows, less one. */
  show(lines: readonly string[]): void {
    if (lines.length === 0 && this.#lines.length === 0) return;
    const shown = lines.map(visibleLine);
    const text = this.#erased() + drawn(shown);
    this.#lines = shown;
    this.#terminal.write(text);
  }

  /** Takes the lines away. */
  clear(): void {
    this.show([]);
  }

  /** Writes text that stays, ended by a newline, above the lines. */
  writeAbove(text: string): void {
    if (this.#lines.length === 0) this.#terminal.write(text);
    else this.#terminal.write(this.#erased() + text + drawn(this.#lines));
  }

  /**
   * Erases the lines and leaves the cursor on the first; one that was drawn when the terminal was wider has several rows now.
   * Row by row: terminals copy a whole screen that is erased at once into their scrollback.
   */
  #erased(): string {
    const { columns = Infinity } = this.#terminal;
    const rows = this.#lines.reduce((sum, { length }) => sum + Math.max(1, Math.ceil(length / columns)), 0);
    const toTop = rows === 0 ? '' : `\u001b[${rows}A\r`;
    return toTop + `${ERASE_LINE}\n`.repeat(rows) + toTop;
  }
}

/** Erased first: erasing behind a line that fills the row would take its last character. */
function drawn(lines: readonly string[]): string {
  return lines.map((line) => `${ERASE_LINE}${line}\n`).join('');
}

/** Those of this process, on stderr. */
export const liveLines = new LiveLines(process.stderr);
