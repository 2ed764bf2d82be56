import { Transform, type TransformCallback } from 'node:stream';

const [NEWLINE, QUOTE] = [0x0a, 0x22];
const TAIL_BYTES = 200;

/** Counts the bytes of a formatted result, and its rows if the format shows their number. */
export class ResultCounter extends Transform {
  readonly #format: string;
  readonly #isCsv: boolean;
  #bytes = 0;
  #lines = 0;
  #isQuoted = false;
  #tail = Buffer.alloc(0);

  constructor(format: string) {
    super();
    this.#format = format;
    this.#isCsv = /^CSV/i.test(format);
  }

  get bytes(): number {
    return this.#bytes;
  }

  get rows(): number | undefined {
    const [, head = ''] =
      /^(?:CSV|TSV|TabSeparated|JSONEachRow|JSONCompactEachRow|JSONLines|NDJSON)(.*)$/i.exec(
        this.#format,
      ) ?? [undefined, 'other'];
    const heads = ['', 'WithNames', 'WithNamesAndTypes'].findIndex(
      (name) => name.toLowerCase() === head.toLowerCase(),
    );
    if (heads >= 0) return Math.max(0, this.#lines - heads);
    // `"rows": 3` comes after the data.
    if (!/^JSON/i.test(this.#format)) return undefined;
    const [, rows] = /"rows": (\d+)(?![^]*"rows": )/.exec(this.#tail.toString('latin1')) ?? [];
    return rows === undefined ? undefined : Number(rows);
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#bytes += chunk.length;
    for (const byte of chunk) {
      // A CSV field with a line break is quoted, and a quote in it is doubled.
      if (byte === QUOTE && this.#isCsv) this.#isQuoted = !this.#isQuoted;
      else if (byte === NEWLINE && !this.#isQuoted) this.#lines++;
    }
    this.#tail = Buffer.concat([this.#tail, chunk.subarray(-TAIL_BYTES)]).subarray(-TAIL_BYTES);
    done(null, chunk);
  }
}
