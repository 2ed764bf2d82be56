import { DecodeError } from '../../core/errors.ts';

/**
 * A position in the Avro bytes of one message. The bytes are hostile: nothing is read past their end, and no length or
 * count is believed that the bytes left could not hold.
 */
export class AvroCursor {
  bytes: Buffer = Buffer.alloc(0);
  at = 0;
  end = 0;
  /** The halves of the integer that {@link readLong} read last. */
  low = 0;
  high = 0;

  reset(bytes: Buffer, start: number): void {
    this.bytes = bytes;
    this.at = start;
    this.end = bytes.length;
  }

  readByte(): number {
    if (this.at >= this.end) throw tooShort();
    return this.bytes[this.at++] ?? 0;
  }

  /** Reads a zig-zag coded 64-bit integer into {@link low} and {@link high}: without BigInt, and exact. */
  readLong(): void {
    let low = 0;
    let high = 0;
    for (let shift = 0; ; shift += 7) {
      if (shift > 63) throw new DecodeError('an integer of more than 64 bits');
      const byte = this.readByte();
      const bits = byte & 127;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high |= bits >>> 4;
      } else high |= bits << (shift - 32);
      if (byte < 128) break;
    }
    const sign = -(low & 1);
    this.low = (((low >>> 1) | (high << 31)) ^ sign) | 0;
    this.high = ((high >>> 1) ^ sign) | 0;
  }

  /** An integer of 32 bits. */
  readInt(): number {
    this.readLong();
    if (this.high !== this.low >> 31)
      throw new DecodeError('an integer of more than 32 bits where 32 are wanted');
    return this.low;
  }

  /** Moves past `length` bytes. */
  skip(length: number): void {
    if (length < 0 || length > this.end - this.at) throw tooShort();
    this.at += length;
  }

  /** Reads the length in front of a string and moves to the string's first byte. */
  readLength(): number {
    const length = this.readInt();
    if (length < 0 || length > this.end - this.at) throw tooShort();
    return length;
  }

  /** Reads the count in front of a block of array items; 0 ends the array. Every item takes at least a byte. */
  readBlockCount(): number {
    let count = this.readInt();
    if (count < 0) {
      count = -count;
      this.readLong();
    }
    if (count < 0 || count > this.end - this.at) throw tooShort();
    return count;
  }
}

function tooShort(): DecodeError {
  return new DecodeError('the bytes end within a value');
}
