const INITIAL_BYTES = 4096;
/** Above this, `Buffer.write` is faster. Up to 63 bytes, Avro's length prefix is one byte. */
const SHORT_CHARACTERS = 40;
const MAX_ASCII = 0x7f;
const BELOW_32_BITS = 2 ** 31;

/** Writes the primitives of Avro and RowBinary into one growing Buffer, reused for each record. */
export class ByteWriter {
  #buffer = Buffer.allocUnsafe(INITIAL_BYTES);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  truncate(length: number): void {
    this.#length = length;
  }

  /** Returns the written bytes, which are valid until the next write. */
  view(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  appendTo(target: ByteWriter): void {
    target.bytes(this.#buffer, 0, this.#length);
  }

  copyTo(target: Buffer, offset: number): void {
    this.#buffer.copy(target, offset, 0, this.#length);
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
  }

  /** Writes an unsigned integer below 2^53 as LEB128. */
  varint(value: number): void {
    this.#reserve(10);
    let rest = value;
    while (rest >= BELOW_32_BITS) {
      this.#buffer[this.#length++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    while (rest >= 128) {
      this.#buffer[this.#length++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    this.#buffer[this.#length++] = rest;
  }

  /** Writes a signed 64-bit integer, zig-zag coded, as LEB128: Avro's `int` and `long`. */
  zigZag(value: number | bigint): void {
    if (typeof value === 'number' && value < 2 ** 52 && value >= -(2 ** 52)) {
      this.varint(value >= 0 ? value * 2 : value * -2 - 1);
      return;
    }
    const wide = BigInt(value);
    let rest = BigInt.asUintN(64, (wide << 1n) ^ (wide >> 63n));
    this.#reserve(10);
    while (rest >= 128n) {
      this.#buffer[this.#length++] = Number(rest & 127n) | 128;
      rest >>= 7n;
    }
    this.#buffer[this.#length++] = Number(rest);
  }

  /** Writes the length in bytes as a zig-zag integer, then the UTF-8 text: Avro's `string`. */
  avroString(value: string): void {
    if (value.length <= SHORT_CHARACTERS && this.#shortAscii(value)) return;
    const bytes = Buffer.byteLength(value);
    this.zigZag(bytes);
    this.#reserve(bytes);
    this.#length += this.#buffer.write(value, this.#length, bytes, 'utf8');
  }

  /** Writes a short string faster than `Buffer.write`. Returns false if it is not ASCII. */
  #shortAscii(value: string): boolean {
    const { length } = value;
    this.#reserve(length + 1);
    const buffer = this.#buffer;
    const start = this.#length + 1;
    for (let index = 0; index < length; index++) {
      const code = value.charCodeAt(index);
      if (code > MAX_ASCII) return false;
      buffer[start + index] = code;
    }
    buffer[this.#length] = length * 2;
    this.#length = start + length;
    return true;
  }

  /** Writes the number of bytes as LEB128, then the raw bytes: RowBinary's `String`. */
  sizedBytes(source: Buffer, start: number, end: number): void {
    this.varint(end - start);
    this.bytes(source, start, end);
  }

  bytes(source: Buffer, start: number, end: number): void {
    this.#reserve(end - start);
    this.#length += source.copy(this.#buffer, this.#length, start, end);
  }

  double(value: number): void {
    this.#reserve(8);
    this.#length = this.#buffer.writeDoubleLE(value, this.#length);
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}
