import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import kafkajs from 'kafkajs';
import { inTurn, sizeLimit, TooLargeError } from '../../size-limit.ts';

type Decompress = (bytes: Buffer) => Promise<Buffer>;

/**
 * Registers codecs for compressed batches in kafkajs, so that both decoders have them. The first
 * batch that needs a library loads it. The libraries do not limit their output, so
 * {@link sizeLimit} is checked against the size that the input declares, or against the output.
 */
export function registerCodecs(): void {
  const { GZIP, Snappy, LZ4, ZSTD } = kafkajs.CompressionTypes;
  const codecs = kafkajs.CompressionCodecs as unknown as Record<number, () => object>;
  const gzip = codecs[GZIP]?.();
  codecs[GZIP] = () => ({ ...gzip, decompress: (bytes: Buffer) => inTurn(gunzipped, bytes) });
  codecs[Snappy] = () => codecOf(snappyDecompressed);
  codecs[LZ4] = () => codecOf(lz4Decompressed);
  codecs[ZSTD] = () => codecOf(zstdDecompressed);
}

function codecOf(decompress: Decompress): object {
  const compress = () => Promise.reject(new Error('this codec only decompresses'));
  return { decompress: (bytes: Buffer) => inTurn(decompress, bytes), compress };
}

const gunzipAsync = promisify(gunzip);

async function gunzipped(bytes: Buffer): Promise<Buffer> {
  try {
    return await gunzipAsync(bytes, { maxOutputLength: sizeLimit() });
  } catch (error) {
    throw error instanceof RangeError ? tooLarge() : error;
  }
}

/**
 * The start of snappy-java's streams. Two version numbers follow, then chunks, each preceded by its
 * length.
 */
const XERIAL = Buffer.from('82534e4150505900', 'hex');
const XERIAL_HEADER_BYTES = 16;

/** Java's clients write a stream of chunks. Other clients write one block. */
async function snappyDecompressed(bytes: Buffer): Promise<Buffer> {
  const { uncompressSync } = (await import('snappy')).default;
  const blocks = snappyBlocks(bytes);
  const length = blocks.reduce((sum, block) => sum + snappyLength(block), 0);
  if (length > sizeLimit()) throw tooLarge();
  return Buffer.concat(blocks.map((block) => uncompressSync(block, { asBuffer: true }) as Buffer));
}

function snappyBlocks(bytes: Buffer): Buffer[] {
  if (!isXerial(bytes, 0)) return [bytes];
  const blocks: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    // Streams may follow each other.
    if (isXerial(bytes, at)) {
      at += XERIAL_HEADER_BYTES;
      continue;
    }
    const start = at + 4;
    const length = start > bytes.length ? -1 : bytes.readInt32BE(at);
    if (length < 0 || length > bytes.length - start) throw malformed();
    at = start + length;
    blocks.push(bytes.subarray(start, at));
  }
  return blocks;
}

function isXerial(bytes: Buffer, at: number): boolean {
  return bytes.compare(XERIAL, 0, XERIAL.length, at, Math.min(at + XERIAL.length, bytes.length)) === 0;
}

/** Returns the decompressed length that a block declares and that the library allocates. */
function snappyLength(block: Buffer): number {
  let length = 0;
  for (let at = 0; at < 5; at++) {
    const byte = block[at];
    if (byte === undefined) break;
    length += (byte & 127) * 2 ** (7 * at);
    if (byte < 128) return length;
  }
  throw malformed();
}

const LZ4_MAGIC = 0x184d2204;
/** A byte of a compressed block expands to at most 255 bytes. */
const LZ4_MAX_RATIO = 255;
const LZ4_STORED = 0x8000_0000;

async function lz4Decompressed(bytes: Buffer): Promise<Buffer> {
  const { decompressFrameSync } = await import('lz4-napi');
  if (lz4MostBytes(bytes) > sizeLimit()) throw tooLarge();
  return decompressFrameSync(bytes);
}

/**
 * Returns the maximum decompressed size of a frame, computed from its blocks. It is close to the
 * actual size, because writers fill their blocks. Format:
 * https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md
 */
function lz4MostBytes(frame: Buffer): number {
  if (frame.length < 7 || frame.readUInt32LE(0) !== LZ4_MAGIC) throw malformed();
  const flags = frame.readUInt8(4);
  const has = (bit: number) => (flags >> bit) & 1;
  const maxBlock = 2 ** (8 + 2 * ((frame.readUInt8(5) >> 4) & 7));
  const checksumBytes = 4 * has(4);
  let most = 0;
  for (let at = 7 + 8 * has(3) + 4 * has(0); at + 4 <= frame.length;) {
    const size = frame.readUInt32LE(at);
    if (size === 0) break;
    const length = size % LZ4_STORED;
    most += Math.min(maxBlock, size >= LZ4_STORED ? length : length * LZ4_MAX_RATIO);
    at += 4 + length + checksumBytes;
  }
  return most;
}

/** The maximum number of consecutive empty parts, which come from skippable frames. */
const MAX_EMPTY_FRAMES = 8;

/** Methods of the library that its types omit. */
interface StreamingDecoder {
  init(): Promise<void>;
  decodeStreaming(parts: Iterable<Uint8Array>): Iterable<Uint8Array>;
}

/** Measures the output, because Java's clients do not declare sizes in frames. */
async function zstdDecompressed(bytes: Buffer): Promise<Buffer> {
  const { ZSTDDecoder } = await import('zstddec/stream');
  const decoder = new ZSTDDecoder() as unknown as StreamingDecoder;
  await decoder.init();
  const parts: Uint8Array[] = [];
  let length = 0;
  let emptyParts = 0;
  for (const part of decoder.decodeStreaming([bytes])) {
    // For bytes that are not a frame, the library returns empty parts endlessly.
    emptyParts = part.length === 0 ? emptyParts + 1 : 0;
    if (emptyParts > MAX_EMPTY_FRAMES) throw malformed();
    length += part.length;
    if (length > sizeLimit()) throw tooLarge();
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function tooLarge(): Error {
  return new TooLargeError('a batch decompresses to ');
}

function malformed(): Error {
  return new Error('the bytes do not match their header');
}
