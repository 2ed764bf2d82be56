import { DecodeError } from '../../core/errors.ts';

const INITIAL_BYTES = 64 * 1024;
/**
 * A larger row is treated as an attack: a few bytes of Avro can expand to many bytes of RowBinary.
 */
const MAX_ROW_BYTES = 2 ** 28;

/** Consecutive rows in RowBinary, in a Buffer that doubles when full. Reused between batches. */
export class RowBuffer {
  bytes: Buffer;
  /** Bytes written. */
  length = 0;
  #view: DataView;

  constructor(initialBytes = INITIAL_BYTES) {
    this.bytes = Buffer.allocUnsafeSlow(initialBytes);
    this.#view = viewOf(this.bytes);
  }

  /** A view of the same bytes. Replaced when the Buffer grows. */
  get view(): DataView {
    return this.#view;
  }

  /**
   * Makes room for the given number of bytes after `length`. Returns the Buffer, a new one if it
   * has grown.
   */
  reserve(bytes: number): Buffer {
    return this.grow(this.length, bytes);
  }

  /**
   * Like {@link reserve}, but for a row of which `used - length` bytes are already written.
   * @throws DecodeError for a row that is too large.
   */
  grow(used: number, bytes: number): Buffer {
    const needed = used + bytes;
    if (needed <= this.bytes.length) return this.bytes;
    if (needed - this.length > MAX_ROW_BYTES)
      throw new DecodeError(`the row exceeds ${MAX_ROW_BYTES / 2 ** 20} MiB`);
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2));
    this.bytes.copy(larger, 0, 0, used);
    this.bytes = larger;
    this.#view = viewOf(larger);
    return larger;
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Buffer): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
