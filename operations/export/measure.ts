import { createHash } from 'node:crypto';
import { Transform, type TransformCallback } from 'node:stream';
import { parquetMetadata } from 'hyparquet';
import { ServiceUnavailableError, TargetFailedError } from '../../core/errors.ts';
import type { Form } from './column-sql.ts';

/** Maximum size of the footer of a Parquet file. It is enough for a million column chunks. */
const MAX_TAIL = 64 * 1024 * 1024;
const [NEWLINE, QUOTE] = [10, 34];

/** Passes bytes through, counts them and their rows, and computes their digest. */
export class Measure extends Transform {
  readonly #form: Form;
  readonly #hash = createHash('sha256');
  readonly #onBytes: (count: number) => void;
  #tail: Buffer[] = [];
  #tailBytes = 0;
  #lines = 0;
  #isQuoted = false;
  bytes = 0;

  constructor(form: Form, onBytes: (count: number) => void) {
    super();
    this.#form = form;
    this.#onBytes = onBytes;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#hash.update(chunk);
    this.bytes += chunk.length;
    this.#onBytes(chunk.length);
    if (this.#form !== 'parquet') this.#countLines(chunk);
    this.#keepTail(chunk, this.#form === 'parquet' ? this.#tailNeeded() : 4_096);
    done(null, chunk);
  }

  /**
   * @throws ServiceUnavailableError if the server has aborted its response, TargetFailedError if
   *   the Parquet footer is too large.
   */
  result(): { readonly rows: number; readonly bytes: number; readonly sha256: string } {
    const tail = Buffer.concat(this.#tail);
    if (this.#form !== 'parquet' && this.#isAborted(tail.toString('latin1'))) throw aborted();
    return { rows: this.#rows(tail), bytes: this.bytes, sha256: this.#hash.digest('hex') };
  }

  #rows(tail: Buffer): number {
    if (this.#form === 'postgres') return this.#lines;
    if (this.#form === 'csv') {
      // Even a view without rows has a header line.
      if (this.#lines === 0) throw aborted();
      return this.#lines - 1;
    }
    if (tail.subarray(-4).toString('latin1') !== 'PAR1') throw aborted();
    const footer = tail.readUInt32LE(tail.length - 8) + 8;
    if (footer > tail.length) throw new TargetFailedError(`a Parquet footer of ${footer} bytes is too large`);
    return Number(parquetMetadata(tail.subarray(-footer)).num_rows);
  }

  /**
   * Returns whether the server has appended an error to the rows. Text in a row may resemble such
   * an error.
   */
  #isAborted(tail: string): boolean {
    // No row of either format ends with a carriage return.
    if (this.#isQuoted || tail.endsWith('__exception__\r\n')) return true;
    // The tail may start within a line.
    const lines = tail.length === this.bytes ? `\n${tail}` : tail;
    // The line of a failure has one column, whereas views have at least two.
    if (this.#form === 'postgres')
      return /\n(__exception__|Code: \d+\. DB::Exception)[^\t\n]*(\n|$)/.test(lines);
    // CSV quotes all text, so a failure is outside quotes. The tail ends outside quotes, so every
    // other part, counted from the end, is outside too.
    const unquoted = lines
      .split('"')
      .reverse()
      .filter((_, index) => index % 2 === 0);
    return /\n(__exception__|Code: \d+\. DB::Exception)/.test(unquoted.reverse().join('"'));
  }

  #countLines(chunk: Buffer): void {
    // In TabSeparated, a line break within a value is escaped.
    if (this.#form === 'postgres') {
      for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, at + 1)) this.#lines++;
      return;
    }
    for (const byte of chunk) {
      if (byte === QUOTE) this.#isQuoted = !this.#isQuoted;
      else if (byte === NEWLINE && !this.#isQuoted) this.#lines++;
    }
  }

  /**
   * Returns the number of bytes to keep for the footer, which grows with the file. A thousandth of
   * the file plus 4 MiB is more than enough.
   */
  #tailNeeded(): number {
    return Math.min(MAX_TAIL, 4 * 1024 * 1024 + this.bytes / 1000);
  }

  #keepTail(chunk: Buffer, needed: number): void {
    this.#tail.push(chunk);
    this.#tailBytes += chunk.length;
    while (this.#tailBytes - (this.#tail[0]?.length ?? 0) >= needed)
      this.#tailBytes -= this.#tail.shift()?.length ?? 0;
  }
}

function aborted(): ServiceUnavailableError {
  return new ServiceUnavailableError('ClickHouse aborted its response: check its log', {
    service: 'ClickHouse',
  });
}
