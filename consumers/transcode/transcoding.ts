import { DecodeError } from '../../core/errors.ts';
import { RowBuffer } from './row-buffer.ts';

/**
 * Limits the items without bytes (nulls, empty records) in one message, because the size of the
 * message does not limit them.
 */
const MAX_EMPTY_ITEMS = 65_536;
/** Limits the JSON text of one message, which field names can make much longer than the message. */
const MAX_TEXT_LENGTH = 2 ** 26;
const MAX_DEPTH = 256;

const nothing = new RowBuffer(0);

/**
 * The state of reading a message's Avro bytes and writing its row. Generated code shares it with
 * the functions that it calls in rare cases. The bytes may be hostile: nothing is read past their
 * end, and a length or count that the remaining bytes cannot hold is rejected with a DecodeError.
 */
export class Transcoding {
  source: Buffer = nothing.bytes;
  position = 0;
  end = 0;
  out = nothing;
  target = nothing.bytes;
  view = nothing.view;
  /** Bytes of the target written, including the current row. */
  written = 0;
  capacity = 0;
  /** Halves of the integer that {@link readLong} read last. */
  low = 0;
  high = 0;
  /** The field that errors refer to. */
  field = 0;
  /** End of the block whose count was read last; -1 if the block does not state its size. */
  blockEnd = -1;
  /** Start positions of skipped fields, which may be written later. */
  readonly starts: Int32Array;
  readonly #maxText: number;
  #emptyItems = 0;
  #depth = 0;
  #textLength = 0;

  /**
   * @param starts number of positions that are kept.
   * @param maxText the maximum number of characters of JSON text of one message.
   */
  constructor(starts = 0, maxText = MAX_TEXT_LENGTH) {
    this.starts = new Int32Array(starts);
    this.#maxText = maxText;
  }

  begin(source: Buffer, start: number, out: RowBuffer, end = source.length): void {
    this.source = source;
    this.position = start;
    this.end = end;
    this.out = out;
    this.target = out.bytes;
    this.view = out.view;
    this.capacity = out.bytes.length;
    this.written = out.length;
    this.field = 0;
    this.#emptyItems = 0;
    this.#depth = 0;
    this.#textLength = 0;
  }

  /** Releases the message and the rows, because the next message may arrive much later. */
  release(): void {
    this.source = nothing.bytes;
    this.out = nothing;
    this.target = nothing.bytes;
    this.view = nothing.view;
  }

  readByte(): number {
    if (this.position >= this.end) throw tooShort();
    return this.source[this.position++] ?? 0;
  }

  /** Reads a zig-zag 64-bit integer into {@link low} and {@link high}, exactly, without BigInt. */
  readLong(): void {
    let byte = this.readByte();
    let low = byte & 127;
    let high = 0;
    for (let shift = 7; byte >= 128; shift += 7) {
      byte = this.readByte();
      const bits = byte & 127;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else {
        if (shift === 63 && byte > 1) throw new DecodeError('an integer has more than 64 bits');
        high |= bits << (shift - 32);
      }
    }
    const sign = -(low & 1);
    this.low = ((low >>> 1) | (high << 31)) ^ sign;
    this.high = (high >>> 1) ^ sign;
  }

  readInt(): number {
    this.readLong();
    if (this.high !== this.low >> 31) throw new DecodeError('an integer has more than 32 bits');
    return this.low;
  }

  readBigInt(): bigint {
    this.readLong();
    return (BigInt(this.high) << 32n) | BigInt(this.low >>> 0);
  }

  /** Moves past `length` bytes; returns where they start. */
  take(length: number): number {
    if (length < 0 || length > this.end - this.position) throw tooShort();
    const start = this.position;
    this.position += length;
    return start;
  }

  /** Reads the length of a string and checks it against the remaining bytes. */
  readLength(): number {
    this.readLong();
    if (this.high !== 0 || this.low < 0 || this.low > this.end - this.position)
      throw new DecodeError('a length exceeds the remaining bytes');
    return this.low;
  }

  readBoolean(): boolean {
    const byte = this.readByte();
    if (byte > 1) throw new DecodeError('a boolean is neither 0 nor 1');
    return byte === 1;
  }

  /** Reads the index of a union branch or enum symbol. */
  readIndex(count: number): number {
    const index = this.readInt();
    if (index < 0 || index >= count)
      throw new DecodeError('a union branch or enum symbol is missing from the schema');
    return index;
  }

  /** Reads the number of items of a block, and its size if stated; 0 ends the blocks. */
  readBlockCount(minBytes: number): number {
    let count = this.readInt();
    this.blockEnd = -1;
    if (count < 0) {
      count = -count;
      const size = this.readLength();
      this.blockEnd = this.position + size;
    }
    const left = (this.blockEnd < 0 ? this.end : this.blockEnd) - this.position;
    if (count < 0 || count * minBytes > left)
      throw new DecodeError('a count of items exceeds the remaining bytes');
    if (minBytes === 0) {
      this.#emptyItems += count;
      if (this.#emptyItems > MAX_EMPTY_ITEMS)
        throw new DecodeError(`the message has more than ${MAX_EMPTY_ITEMS} items without bytes`);
    }
    return count;
  }

  checkBlockEnd(blockEnd: number): void {
    if (blockEnd >= 0 && this.position !== blockEnd)
      throw new DecodeError('the size of a block of items differs from its header');
  }

  /** Moves past a value that may be read later. Only then are its items without bytes counted. */
  passOver(skip: () => void): void {
    const emptyItems = this.#emptyItems;
    skip();
    this.#emptyItems = emptyItems;
  }

  deeper<T>(read: () => T): T {
    if (++this.#depth > MAX_DEPTH)
      throw new DecodeError(`the value is nested more than ${MAX_DEPTH} levels deep`);
    const result = read();
    this.#depth--;
    return result;
  }

  /** Counts characters of JSON text. @throws DecodeError if the message has too many */
  countText(length: number): void {
    this.#textLength += length;
    if (this.#textLength > this.#maxText)
      throw new DecodeError(`the JSON text has more than ${this.#maxText} characters`);
  }

  grow(bytes: number): void {
    this.target = this.out.grow(this.written, bytes);
    this.view = this.out.view;
    this.capacity = this.target.length;
  }

  /** Reserves bytes in the target; returns where they start. */
  claim(bytes: number): number {
    this.grow(bytes);
    const start = this.written;
    this.written += bytes;
    return start;
  }

  writeByte(value: number): void {
    const at = this.claim(1);
    this.target[at] = value;
  }

  /** Writes a number below 2^31 as LEB128. */
  writeVarint(value: number): void {
    let rest = value;
    this.grow(5);
    for (; rest >= 128; rest >>>= 7) this.target[this.written++] = (rest & 127) | 128;
    this.target[this.written++] = rest;
  }

  /**
   * Corrects the count of an array or map with several blocks, and moves the items if the count
   * uses more bytes.
   */
  correctCount(at: number, written: number, count: number): void {
    const end = this.written;
    const moved = varintBytes(count) - varintBytes(written);
    this.grow(moved);
    this.target.copyWithin(at + moved, at, end);
    this.written = at;
    this.writeVarint(count);
    this.written = end + moved;
  }

  /** Writes a RowBinary `String`. */
  writeText(text: string): void {
    const length = Buffer.byteLength(text);
    this.writeVarint(length);
    const at = this.claim(length);
    this.target.write(text, at, length, 'utf8');
  }

  /** Copies a RowBinary `String` from the source. */
  copyText(start: number, length: number): void {
    this.writeVarint(length);
    const at = this.claim(length);
    this.source.copy(this.target, at, start, start + length);
  }

  writeInteger(value: bigint, bytes: number): void {
    const at = this.claim(bytes);
    for (let byte = 0, rest = value; byte < bytes; byte++, rest >>= 8n)
      this.target[at + byte] = Number(rest & 255n);
  }
}

export function tooShort(): DecodeError {
  return new DecodeError('the bytes end within a value');
}

function varintBytes(value: number): number {
  return value < 2 ** 7 ? 1 : value < 2 ** 14 ? 2 : value < 2 ** 21 ? 3 : value < 2 ** 28 ? 4 : 5;
}
