import { pipeline } from 'node:stream/promises';
import { shortNumber, several } from '../../../core/terminal/amounts.ts';
import { LiveLines } from '../../../core/terminal/live-lines.ts';
import { print, visibleStream } from '../../../core/terminal/terminal.ts';
import { isBinaryFormat } from '../file-format.ts';
import type { QueryProgress } from '../progress.ts';
import type { QueryStatistics, ReadOnlyQueries } from '../read-only-queries.ts';
import { rowsText } from '../rows-text.ts';

const MAX_ROWS = 1_000;

/** Prints the answers of the prompt: a table, or any output format of ClickHouse. */
export class AnswerPrinter {
  readonly #queries: ReadOnlyQueries;
  readonly #output: NodeJS.WriteStream;
  readonly #live: LiveLines;
  /** Undefined for the built-in table. */
  #format: string | undefined;

  constructor(queries: ReadOnlyQueries, output: NodeJS.WriteStream) {
    this.#queries = queries;
    this.#output = output;
    this.#live = new LiveLines(output);
  }

  /**
   * Changes the format, unless the name is empty, invalid or binary. @returns text for the user.
   */
  setFormat(name: string): string {
    if (name === '') return `the format is ${this.#format ?? 'auto'}`;
    if (!/^[A-Za-z0-9]+$/.test(name)) return 'a format is a name such as CSV, Vertical or auto';
    if (isBinaryFormat(name)) return `${name} is not text: use \`npm run query -- --output FILE\``;
    this.#format = name.toLowerCase() === 'auto' ? undefined : name;
    return `the format is ${this.#format ?? 'auto'}`;
  }

  /** @throws the errors of {@link ReadOnlyQueries}. */
  async answer(sql: string, signal: AbortSignal): Promise<void> {
    const options = { signal, onProgress: (progress: QueryProgress) => this.#showProgress(progress) };
    try {
      const hasFormat = /\bformat\s+\w+\s*$/i.test(sql);
      if (this.#format === undefined && !hasFormat) await this.#printRows(sql, options);
      else await this.#printStream(sql, this.#format ?? 'PrettyCompactMonoBlock', options);
    } finally {
      this.#live.show([]);
    }
  }

  async #printRows(sql: string, options: Parameters<ReadOnlyQueries['rows']>[1]): Promise<void> {
    const result = await this.#queries.rows(sql, { ...options, maxRows: MAX_ROWS });
    this.#live.show([]);
    const { columns, rows, isTruncated } = result;
    if (columns.length > 0) print(`${rowsText(result, this.#output.columns || 80)}\n`, this.#output);
    const count = isTruncated
      ? `the first ${several(rows.length, 'row')}; --output FILE writes all`
      : several(rows.length, 'row');
    print(`(${count}, ${statisticsText(result)})\n`, this.#output);
  }

  async #printStream(
    sql: string,
    format: string,
    options: Parameters<ReadOnlyQueries['rows']>[1],
  ): Promise<void> {
    const answer = await this.#queries.stream(sql, format, options);
    this.#live.show([]);
    await pipeline(answer.stream, visibleStream(), this.#output, { signal: options.signal, end: false });
    print(`(${statisticsText(answer)})\n`, this.#output);
  }

  #showProgress({ rowsRead, totalRows, elapsedMs }: QueryProgress): void {
    const total = totalRows > rowsRead ? ` of about ${shortNumber(totalRows)}` : '';
    this.#live.show([
      `read ${shortNumber(rowsRead)}${total} ${rowsRead === 1 && total === '' ? 'row' : 'rows'} in ${seconds(elapsedMs)} s; Ctrl-C cancels`,
    ]);
  }
}

function statisticsText({ rowsRead, elapsedMs }: QueryStatistics): string {
  const time = `${seconds(elapsedMs)} s`;
  return rowsRead === undefined ? time : `read ${shortNumber(rowsRead)} in ${time}`;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(ms < 10_000 ? 2 : 0);
}
