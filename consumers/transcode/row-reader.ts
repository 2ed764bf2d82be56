/** Reads values of RowBinary one after the other. */
export class RowReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  byte(): number {
    return this.take(1)[0] ?? 0;
  }

  /** Reads a LEB128 number: the length of a String, or the count of an Array or Map. */
  count(): number {
    let count = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.byte();
      count += (byte & 127) * factor;
      if (byte < 128) return count;
    }
  }

  take(length: number): Buffer {
    const start = this.#at;
    this.#at += length;
    return this.#bytes.subarray(start, this.#at);
  }
}
