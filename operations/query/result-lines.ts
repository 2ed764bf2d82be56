import type { Readable } from 'node:stream';
import { ServiceRefusedError } from '../../core/errors.ts';

/** Longer than any row of a stream, because a message is limited to 1 MiB by default. */
export const MAX_LINE_BYTES = 8 * 1024 * 1024;

const NEWLINE = 0x0a;

/**
 * Yields the lines of a response. Unlike readline, limits the length of a line before it becomes a
 * string, because one query can return a single row of a gigabyte.
 * @throws ServiceRefusedError for a line over the limit; the error of the response.
 */
export async function* linesOf(
  answer: Readable,
  maxBytes = MAX_LINE_BYTES,
): AsyncGenerator<string, void, undefined> {
  let parts: Buffer[] = [];
  let bytes = 0;
  const add = (part: Buffer) => {
    bytes += part.length;
    if (bytes > maxBytes)
      throw new ServiceRefusedError(
        `a row of the result is larger than ${maxBytes / 1024 / 1024} MiB; select fewer columns, or save the whole result to a file`,
      );
    parts.push(part);
  };
  const line = () => {
    const text = Buffer.concat(parts, bytes).toString('utf8');
    parts = [];
    bytes = 0;
    return text;
  };
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      add(chunk.subarray(start, end));
      yield line();
      start = end + 1;
    }
    add(chunk.subarray(start));
  }
  if (bytes > 0) yield line();
}
