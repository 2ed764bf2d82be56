import { UnreadableBatchError } from '../../errors.ts';

/** Reads the fields of a record batch's records, one behind the other, and nothing behind the end it is given. */
export class RecordReader {
  readonly bytes: Buffer;
  readonly #firstOffset: bigint;
  /** Where the next field begins. */
  at: number;
  /** Where the record ends that is being read. */
  end: number;

  /** @param firstOffset of the batch, by which it is named when it cannot be read. */
  constructor(bytes: Buffer, firstOffset: bigint, at = 0, end = bytes.length) {
    this.bytes = bytes;
    this.#firstOffset = firstOffset;
    this.at = at;
    this.end = end;
  }

  /** Goes to the next record, whatever of the one before has not been read. */
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

  /** Of 32 bits, zig-zag coded. */
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

  /** Of 64 bits, zig-zag coded. */
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

  /** Bytes with their length in front; that of null is -1. */
  sizedBytes(): Buffer | null {
    // -1, zig-zag coded
    if (this.bytes[this.at] === 1 && this.at < this.end) {
      this.at++;
      return null;
    }
    const length = this.#length();
    const start = this.at;
    this.at = start + length;
    return this.bytes.subarray(start, this.at);
  }

  /** Of what lies within the record. */
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
  return new UnreadableBatchError(
    `the record batch that Kafka has from offset ${firstOffset} on cannot be read: ${reason}`,
  );
}
