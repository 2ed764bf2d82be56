import { RowBuffer } from '../transcode/row-buffer.ts';

/**
 * Maximum total size of the waiting rows of all tables: enough for two tables to fill batches while
 * two others insert.
 */
const MAX_WAITING_BYTES = 96 * 1024 * 1024;
/**
 * Maximum number of buffers that are kept for the next batches. Further buffers are released.
 */
const MAX_SPARE = 2;
const MAX_SPARE_BYTES = 64 * 1024 * 1024;

/** The row buffers of all tables. Their limit bounds memory while ClickHouse is unavailable. */
export class RowBuffers {
  readonly #inUse = new Set<RowBuffer>();
  readonly #spare: RowBuffer[] = [];
  readonly #listeners = new Set<() => void>();

  /** Returns whether rows must be inserted before more are accepted. */
  isFull(): boolean {
    let bytes = 0;
    for (const buffer of this.#inUse) bytes += buffer.length;
    return bytes >= MAX_WAITING_BYTES;
  }

  /** Returns an empty buffer, which the caller releases. */
  acquire(): RowBuffer {
    const buffer = this.#spare.pop() ?? new RowBuffer();
    this.#inUse.add(buffer);
    return buffer;
  }

  release(buffer: RowBuffer): void {
    const wasFull = this.isFull();
    if (!this.#inUse.delete(buffer)) return;
    buffer.length = 0;
    if (this.#spare.length < MAX_SPARE && buffer.bytes.length <= MAX_SPARE_BYTES) this.#spare.push(buffer);
    if (wasFull && !this.isFull()) for (const listener of this.#listeners) listener();
  }

  onRoom(listener: () => void): void {
    this.#listeners.add(listener);
  }
}
