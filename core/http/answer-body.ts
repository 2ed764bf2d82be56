import type { IncomingHttpHeaders } from 'node:http';
import type { Transform } from 'node:stream';
import { TextDecoder } from 'node:util';
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from 'node:zlib';
import { inTurn, sizeLimit, TooLargeError } from '../size-limit.ts';

export const ACCEPT_ENCODING = 'gzip, deflate, br';

/** No honest server applies more encodings to one body. */
const MAX_ENCODINGS = 4;

/** The decoders by `Content-Encoding`. */
export const decoders = new Map<string, (options?: { chunkSize: number }) => Transform>([
  ['gzip', createGunzip],
  ['x-gzip', createGunzip],
  ['deflate', createInflate],
  ['br', createBrotliDecompress],
]);

interface Answer {
  readonly headers: IncomingHttpHeaders;
  readonly body: AsyncIterable<Uint8Array>;
}

/** A decompressed body. */
export class AnswerBody {
  readonly bytes: Buffer;
  readonly #decoder: TextDecoder;
  #text: string | undefined;

  /** @throws Error for an unknown charset. */
  constructor(bytes: Buffer, contentType?: string) {
    this.bytes = bytes;
    this.#decoder = decoderOf(contentType);
  }

  get isUtf8(): boolean {
    return this.#decoder.encoding === 'utf-8';
  }

  /** The body, decoded with the charset of the content type, or as UTF-8 if it names none. */
  get text(): string {
    return (this.#text ??= this.#decoder.decode(this.bytes));
  }
}

/** Returns the text of the body that {@link readBody} returns. @throws the errors of `readBody`. */
export async function readText(answer: Answer, maxBytes = sizeLimit()): Promise<string> {
  return (await readBody(answer, maxBytes)).text;
}

/**
 * Returns the body, decompressed by `Content-Encoding`.
 * @throws TooLargeError for more than `maxBytes`, compressed or decompressed; Error for an unknown
 *   encoding or charset, more than MAX_ENCODINGS encodings, or a body that does not match its
 *   encoding.
 */
export async function readBody({ headers, body }: Answer, maxBytes = sizeLimit()): Promise<AnswerBody> {
  let bytes = await bytesOf(body, maxBytes);
  // The server applied the encodings from left to right.
  const encodings = encodingsIn(headers).reverse();
  if (encodings.length > MAX_ENCODINGS)
    throw new Error(
      `its Content-Encoding must name at most ${MAX_ENCODINGS} encodings; got ${encodings.length}`,
    );
  for (const encoding of encodings) bytes = await inTurn(decoded, bytes, encoding, maxBytes);
  return new AnswerBody(bytes, headers['content-type']);
}

function encodingsIn(headers: IncomingHttpHeaders): string[] {
  const list = headers['content-encoding']?.toLowerCase() ?? '';
  return list.split(',').flatMap((encoding) => encoding.trim() || []);
}

/** @throws TooLargeError for more than `maxBytes`, before the rest is read. */
async function bytesOf(source: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of source) {
    length += chunk.length;
    if (length > maxBytes) throw new TooLargeError();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

async function decoded(bytes: Buffer, encoding: string, maxBytes: number): Promise<Buffer> {
  if (encoding === 'identity' || bytes.length === 0) return bytes;
  const createDecoder = decoders.get(encoding);
  if (createDecoder === undefined)
    throw new Error(`its Content-Encoding is ${JSON.stringify(encoding.slice(0, 40))}, which is unknown`);
  try {
    return await decodedBy(createDecoder(), bytes, maxBytes).catch((error: unknown) => {
      // Servers send `deflate` with the zlib header that the standard requires, or without it.
      const isRaw = encoding === 'deflate' && (error as NodeJS.ErrnoException).code === 'Z_DATA_ERROR';
      if (isRaw) return decodedBy(createInflateRaw(), bytes, maxBytes);
      throw error;
    });
  } catch (error) {
    if (error instanceof TooLargeError) throw error;
    throw new Error(`its body is not ${encoding}, or is cut off`, { cause: error });
  }
}

function decodedBy(decoder: Transform, bytes: Buffer, maxBytes: number): Promise<Buffer> {
  decoder.end(bytes);
  return bytesOf(decoder as AsyncIterable<Uint8Array>, maxBytes);
}

function decoderOf(contentType: string | undefined): TextDecoder {
  const charset = /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(contentType ?? '')?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(charset);
  } catch {
    throw new Error(`its charset is ${JSON.stringify(charset.slice(0, 40))}, which is unknown`);
  }
}
