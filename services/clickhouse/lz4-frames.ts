import { ClickHouseException } from './exception.ts';

const MAGIC = 0x184d2204;
const STORED = 0x8000_0000;
const MIB = 1024 * 1024;
/** The maximum number of compressed bytes in a frame. Clients send a frame per block of rows. */
const MAX_FRAME_BYTES = 64 * MIB;
/** The maximum number of bytes that a frame may decompress to. */
const MAX_DECODED_BYTES = 1024 * MIB;
/** A byte of a block decompresses to at most 255 bytes. */
const MAX_RATIO = 255;

/**
 * Decompresses consecutive LZ4 frames one at a time, because the library decompresses only whole
 * frames. Format: https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md
 * @throws ClickHouseException if the bytes are not frames or a frame exceeds a limit.
 */
export async function* lz4Decoded(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const { decompressFrame } = await import('lz4-napi');
  for await (const frame of framesOf(source)) {
    yield await decompressFrame(frame).catch(() => {
      throw malformed();
    });
  }
}

async function* framesOf(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const bytes = new ByteReader(source);
  while (!(await bytes.isAtEnd())) {
    const header = await bytes.take(7);
    if (header.readUInt32LE(0) !== MAGIC) throw malformed();
    const flags = header.readUInt8(4);
    const has = (bit: number) => (flags >> bit) & 1;
    const maxBlock = 2 ** (8 + 2 * ((header.readUInt8(5) >> 4) & 7));
    const parts = [header, await bytes.take(8 * has(3) + 4 * has(0))];
    let length = 0;
    let most = 0;
    for (;;) {
      const field = await bytes.take(4);
      parts.push(field);
      const size = field.readUInt32LE(0);
      if (size === 0) break;
      const stored = size % STORED;
      length += stored;
      most += Math.min(maxBlock, size >= STORED ? stored : stored * MAX_RATIO);
      if (length > MAX_FRAME_BYTES || most > MAX_DECODED_BYTES) throw tooLarge();
      parts.push(await bytes.take(stored + 4 * has(4)));
    }
    parts.push(await bytes.take(4 * has(2)));
    yield Buffer.concat(parts);
  }
}

/** Reads a source in portions of any length. */
class ByteReader {
  readonly #source: AsyncIterator<Buffer>;
  #parts: Buffer[] = [];
  #length = 0;

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  async isAtEnd(): Promise<boolean> {
    return !(await this.#has(1));
  }

  /** @throws ClickHouseException if the source ends first. */
  async take(length: number): Promise<Buffer> {
    if (!(await this.#has(length))) throw malformed();
    const [first] = this.#parts;
    const bytes = first !== undefined && this.#parts.length === 1 ? first : Buffer.concat(this.#parts);
    this.#parts = [bytes.subarray(length)];
    this.#length -= length;
    return bytes.subarray(0, length);
  }

  async #has(length: number): Promise<boolean> {
    while (this.#length < length) {
      const next = await this.#source.next();
      if (next.done === true) return false;
      this.#parts.push(next.value);
      this.#length += next.value.length;
    }
    return true;
  }
}

function malformed(): ClickHouseException {
  return new ClickHouseException(271, 'CANNOT_DECOMPRESS', 'The body does not consist of LZ4 frames.');
}

function tooLarge(): ClickHouseException {
  const limit = `${MAX_FRAME_BYTES / MIB} MiB, or ${MAX_DECODED_BYTES / MIB} MiB decompressed`;
  return new ClickHouseException(271, 'CANNOT_DECOMPRESS', `An LZ4 frame of the body exceeds ${limit}.`);
}
