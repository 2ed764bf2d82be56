import { UnreadableBatchError } from '../../errors.ts';

/** Reads the fields of a record batch's records in order, and nothing after `end`. */
export class RecordReader {
  readonly bytes: Buffer;
  readonly #firstOffset: bigint;
  /** Position of the next field. */
  at: number;
  /** End of the current record. */
  end: number;

  constructor(bytes: Buffer, firstOffset: bigint, at = 0, end = bytes.length) {
    this.bytes = bytes;
    this.#firstOffset = firstOffset;
    this.at = at;
    this.end = end;
  }

  /** Moves to the next record and skips unread fields of the current one. */
  nextRecord(): void {
    if (this.at > 0) this.at = this.end;
    this.end = this.bytes.length;
    const length = this.#length();
    this.end = this.at + length;
  }

  byte(): number {
    const byte = this.at < this.end ? this.bytes[this.at++] : undefined;
    return byte ?? this.#fail('a record ends before its fields');
  }

  /** Reads a zigzag-encoded integer of 32 bits. */
  varint(): number {
    let byte = this.byte();
    let value = byte & 127;
    for (let shift = 7; byte >= 128; shift += 7) {
      if (shift > 28) this.#fail('an integer has more than 32 bits');
      byte = this.byte();
      value |= (byte & 127) << shift;
    }
    return (value >>> 1) ^ -(value & 1);
  }

  /** Reads a zigzag-encoded integer of 64 bits. */
  varlong(): bigint {
    let byte = this.byte();
    let value = BigInt(byte & 127);
    for (let shift = 7n; byte >= 128; shift += 7n) {
      if (shift > 63n) this.#fail('an integer has more than 64 bits');
      byte = this.byte();
      value |= BigInt(byte & 127) << shift;
    }
    return BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n));
  }

  /** Reads an integer of at most 28 bits; undefined, with `at` unchanged, for a longer one. */
  shortVarint(): number | undefined {
    const { bytes, at, end } = this;
    let value = 0;
    for (let index = 0; index < 4 && at + index < end; index++) {
      const byte = bytes[at + index] ?? 0;
      value |= (byte & 127) << (7 * index);
      if (byte >= 128) continue;
      this.at = at + index + 1;
      return (value >>> 1) ^ -(value & 1);
    }
    return undefined;
  }

  /** Skips a length and its bytes. Returns the length; -1 means null. */
  skipBytes(): number {
    // -1, zigzag-encoded
    if (this.bytes[this.at] === 1 && this.at < this.end) {
      this.at++;
      return -1;
    }
    const length = this.#length();
    this.at += length;
    return length;
  }

  /** Reads a length and its bytes. A length of -1 means null. */
  sizedBytes(): Buffer | null {
    // -1, zigzag-encoded
    if (this.bytes[this.at] === 1 && this.at < this.end) {
      this.at++;
      return null;
    }
    const length = this.#length();
    const start = this.at;
    this.at = start + length;
    return this.bytes.subarray(start, this.at);
  }

  /** Skips an integer of up to 64 bits. */
  skipVarlong(): void {
    for (let read = 1; this.byte() >= 128; read++)
      if (read === 10) this.#fail('an integer has more than 64 bits');
  }

  /** Skips a length and its bytes. Returns whether they are not null. */
  skipSized(): boolean {
    return this.skipBytes() >= 0;
  }

  /** Skips a length and its bytes. Returns whether they equal `expected`. */
  skipEqual(expected: Buffer): boolean {
    const length = this.#length();
    const start = this.at;
    this.at += length;
    if (length !== expected.length) return false;
    for (let index = 0; index < length; index++)
      if (this.bytes[start + index] !== expected[index]) return false;
    return true;
  }

  /** Reads a length and checks that it ends within the record. */
  #length(): number {
    const length = this.varint();
    if (length < 0 || length > this.end - this.at) this.#fail('a record ends before its fields');
    return length;
  }

  #fail(reason: string): never {
    throw unreadableBatch(this.#firstOffset, reason);
  }
}

export function unreadableBatch(firstOffset: bigint, reason: string): UnreadableBatchError {
  return new UnreadableBatchError(`the record batch at offset ${firstOffset} cannot be read: ${reason}`);
}
