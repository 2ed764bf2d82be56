import { isUtf8 } from 'node:buffer';

/** Longer lines are rejected without being kept in memory. */
export const MAX_RECORD_BYTES = 1024 * 1024;

const NEWLINE = 0x0a;
const BOM = Buffer.from([0xef, 0xbb, 0xbf]);

export interface FileLine {
  /** The number of the line, from 1. */
  readonly number: number;
  /** The line without line break or byte-order mark; undefined if it is too long or not UTF-8. */
  readonly text: string | undefined;
  readonly fault?: string;
}

/** Yields the lines of a file, blank ones included. Keeps one line in memory at a time. */
export async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<FileLine, void, undefined> {
  let parts: Buffer[] = [];
  let bytes = 0;
  let number = 1;
  const end = (): FileLine => {
    const whole = parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
    const line = lineOf(number, whole, bytes);
    parts = [];
    bytes = 0;
    number++;
    return line;
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, start)) {
      add(chunk.subarray(start, at));
      yield end();
      start = at + 1;
    }
    add(chunk.subarray(start));
  }
  if (bytes > 0) yield end();

  function add(part: Buffer): void {
    bytes += part.length;
    if (bytes <= MAX_RECORD_BYTES) parts.push(part);
    else parts = [];
  }
}

function lineOf(number: number, whole: Buffer, bytes: number): FileLine {
  if (bytes > MAX_RECORD_BYTES)
    return { number, text: undefined, fault: `must be at most ${MAX_RECORD_BYTES} bytes; got ${bytes}` };
  const content =
    number === 1 && whole.subarray(0, BOM.length).equals(BOM) ? whole.subarray(BOM.length) : whole;
  if (!isUtf8(content)) return { number, text: undefined, fault: 'must be UTF-8' };
  return { number, text: content.toString('utf8').replace(/\r$/, '') };
}
