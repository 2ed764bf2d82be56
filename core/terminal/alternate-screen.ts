import { cut } from './columns.ts';
import { visibleLine } from './terminal.ts';

type Terminal = Pick<NodeJS.WriteStream, 'write' | 'columns' | 'rows' | 'on' | 'off'>;

const [ENTER, LEAVE] = ['\u001b[?1049h\u001b[?25l', '\u001b[?25h\u001b[?1049l'];
const [HOME, ERASE_REST_OF_LINE, ERASE_BELOW] = ['\u001b[H', '\u001b[K', '\u001b[J'];

/** A terminal's alternate screen, without a cursor. It leaves no trace in the scrollback. */
export class AlternateScreen {
  readonly #terminal: Terminal;
  readonly #linesOf: (columns: number, rows: number) => readonly string[];

  /** @param linesOf returns the lines for a size. Text beyond the size is cut off. */
  constructor(terminal: Terminal, linesOf: (columns: number, rows: number) => readonly string[]) {
    this.#terminal = terminal;
    this.#linesOf = linesOf;
    terminal.write(ENTER);
    terminal.on('resize', this.draw);
    // Restores the terminal even if a defect ends the process.
    process.once('exit', this.leave);
  }

  readonly draw = (): void => {
    // A terminal of unknown size reports 0.
    const columns = this.#terminal.columns || 80;
    const rows = this.#terminal.rows || 24;
    const lines = this.#linesOf(columns, rows).slice(0, rows);
    const text = lines.map((line) => cut(visibleLine(line), columns) + ERASE_REST_OF_LINE).join('\r\n');
    this.#terminal.write(HOME + text + ERASE_BELOW);
  };

  /** Restores the previous content of the terminal. */
  readonly leave = (): void => {
    process.off('exit', this.leave);
    this.#terminal.off('resize', this.draw);
    this.#terminal.write(LEAVE);
  };
}
