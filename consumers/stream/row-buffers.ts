import { RowBuffer } from '../transcode/row-buffer.ts';

/** Bytes of rows that may wait, over all tables: what two tables fill and two insert at full speed. */
const MAX_WAITING_BYTES = 96 * 1024 * 1024;
/** Those at hand for the next batch. Memory that no batch needs is given back. */
const MAX_SPARE = 2;
const MAX_SPARE_BYTES = 64 * 1024 * 1024;

/**
 * The buffers in which rows wait for their insert, of all tables together: so that memory stays flat when ClickHouse is away, however
 * many tables there are.
 */
export class RowBuffers {
  readonly #inUse = new Set<RowBuffer>();
  readonly #spare: RowBuffer[] = [];
  readonly #listeners = new Set<() => void>();

  /** Whether no more should be taken before something is inserted. */
  isFull(): boolean {
    let bytes = 0;
    for (const buffer of this.#inUse) bytes += buffer.length;
    return bytes >= MAX_WAITING_BYTES;
  }

  /** An empty buffer; the caller gives it back. */
  take(): RowBuffer {
    const buffer = this.#spare.pop() ?? new RowBuffer();
    this.#inUse.add(buffer);
    return buffer;
  }

  giveBack(buffer: RowBuffer): void {
    const wasFull = this.isFull();
    if (!this.#inUse.delete(buffer)) return;
    buffer.length = 0;
    if (this.#spare.length < MAX_SPARE && buffer.bytes.length <= MAX_SPARE_BYTES) this.#spare.push(buffer);
    if (wasFull && !this.isFull()) for (const listener of this.#listeners) listener();
  }

  /** Calls back whenever there is room again. */
  onRoom(listener: () => void): void {
    this.#listeners.add(listener);
  }
}
