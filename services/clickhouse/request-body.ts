import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { decoders } from '../../core/http/answer-body.ts';
import { ClickHouseException } from './exception.ts';
import { lz4Decoded } from './lz4-frames.ts';

/**
 * Size of the head in bytes. An INSERT is recognized only if its statement fits in the head; its
 * data may be longer. Equals the server's default `max_query_size`.
 */
const headBytes = 256 * 1024;
const maxQueryBytes = 64 * 1024 * 1024;

/**
 * The text of a request (query and data): the beginning is in memory, and the rest is still unread.
 */
interface RequestBody {
  /** Shorter than `headBytes` only if it contains the entire text. */
  readonly head: Buffer;
  /** Returns the body after the first `offset` bytes. Call it once. */
  after(offset: number): Readable;
}

/** @param query the part of the query in the URL; a line break separates it from the body. */
export async function openBody(
  request: IncomingMessage,
  query: string,
  signal: AbortSignal,
): Promise<RequestBody> {
  const source = decoded(request, signal)[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const parts: Buffer[] = query === '' ? [] : [Buffer.from(`${query}\n`)];
  for (let bytes = 0; bytes < headBytes;) {
    const next = await source.next();
    if (next.done === true) break;
    parts.push(next.value);
    bytes += next.value.length;
  }
  const head = Buffer.concat(parts);
  async function* from(offset: number) {
    if (offset < head.length) yield head.subarray(offset);
    yield* { [Symbol.asyncIterator]: () => source };
  }
  const options = { objectMode: false, highWaterMark: headBytes };
  return { head, after: (offset) => Readable.from(from(offset), options) };
}

/**
 * Returns the entire text of a query that is not followed by data, one character per byte.
 * @throws ClickHouseException if the text is too long.
 */
export async function wholeText(body: RequestBody): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of limited(body.after(0))) parts.push(part);
  return Buffer.concat(parts).toString('latin1');
}

/** @throws ClickHouseException if the source contains more bytes than a query may have. */
export async function* limited(source: Readable): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const part of source as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > maxQueryBytes) {
      const message = `Query is longer than ${maxQueryBytes} bytes.`;
      throw new ClickHouseException(229, 'QUERY_IS_TOO_LARGE', message);
    }
    yield part;
  }
}

function decoded(request: IncomingMessage, signal: AbortSignal): Readable {
  const encoding = request.headers['content-encoding'] ?? 'identity';
  if (encoding === 'identity') return request;
  if (encoding === 'lz4') return Readable.from(lz4Decoded(request), { objectMode: false });
  const createDecoder = decoders.get(encoding);
  if (createDecoder === undefined) {
    const message = `Content-Encoding ${encoding} is not supported here.`;
    throw new ClickHouseException(48, 'NOT_IMPLEMENTED', message);
  }
  const decoder = createDecoder({ chunkSize: 64 * 1024 });
  // A failure destroys the decoder, and thereby reaches its reader.
  pipeline(request, decoder, { signal }).catch(() => undefined);
  return decoder;
}
