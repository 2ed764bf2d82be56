import type { IncomingHttpHeaders } from 'node:http';
import { promisify, TextDecoder } from 'node:util';
import { brotliDecompress, gunzip, inflate, inflateRaw, type InputType, type ZlibOptions } from 'node:zlib';
import { inTurn, sizeLimit, TooLargeError } from '../size-limit.ts';

/** The value of `Accept-Encoding`: the encodings that {@link readBody} decodes. */
export const ACCEPT_ENCODING = 'gzip, deflate, br';

/** No honest server applies more encodings to one body. */
const MAX_ENCODINGS = 4;

export interface HttpAnswer {
  readonly headers: IncomingHttpHeaders;
  readonly body: AsyncIterable<Uint8Array>;
}

/**
 * Returns the text of an answer, decompressed by its `Content-Encoding` and decoded by the charset
 * of its `Content-Type` (UTF-8 without one).
 *
 * @throws TooLargeError for more than {@link sizeLimit}, compressed or decoded; Error for an
 *   unknown encoding or charset, or for a body that its declared encoding cannot decode.
 */
export async function readBody({ headers, body }: HttpAnswer, maxBytes = sizeLimit()): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > maxBytes) throw new TooLargeError();
    chunks.push(chunk);
  }
  let bytes = Buffer.concat(chunks, length);
  // The server applied the encodings from left to right.
  const encodings = encodingsIn(headers).reverse();
  if (encodings.length > MAX_ENCODINGS)
    throw new Error(`its Content-Encoding names ${encodings.length} encodings`);
  for (const encoding of encodings) bytes = await inTurn(decoded, bytes, encoding, maxBytes);
  return decoderOf(headers['content-type']).decode(bytes);
}

function encodingsIn(headers: IncomingHttpHeaders): string[] {
  const list = headers['content-encoding']?.toLowerCase() ?? '';
  return list.split(',').flatMap((encoding) => encoding.trim() || []);
}

type Decompress = (bytes: InputType, options: ZlibOptions) => Promise<Buffer>;

const decompressors: Readonly<Record<string, Decompress>> = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  br: promisify(brotliDecompress),
  deflate: inflateEither,
};

/** Servers send `deflate` with the zlib header that the standard asks for, or without. */
async function inflateEither(bytes: InputType, options: ZlibOptions): Promise<Buffer> {
  try {
    return await (promisify(inflate) as Decompress)(bytes, options);
  } catch (error) {
    if (codeOf(error) !== 'Z_DATA_ERROR') throw error;
    return (promisify(inflateRaw) as Decompress)(bytes, options);
  }
}

async function decoded(bytes: Buffer, encoding: string, maxBytes: number): Promise<Buffer<ArrayBuffer>> {
  if (encoding === 'identity' || bytes.length === 0) return Buffer.from(bytes);
  const decompress = decompressors[encoding];
  if (decompress === undefined)
    throw new Error(`its Content-Encoding is ${JSON.stringify(encoding.slice(0, 40))}, which is unknown`);
  try {
    return (await decompress(bytes, { maxOutputLength: maxBytes })) as Buffer<ArrayBuffer>;
  } catch (error) {
    if (codeOf(error) === 'ERR_BUFFER_TOO_LARGE') throw new TooLargeError();
    throw new Error(`its body is not ${encoding}, or is cut off`, { cause: error });
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

function decoderOf(contentType: string | undefined): TextDecoder {
  const charset = /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(contentType ?? '')?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(charset);
  } catch {
    throw new Error(`its charset is ${JSON.stringify(charset.slice(0, 40))}, which is unknown`);
  }
}
