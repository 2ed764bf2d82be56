import { TimeSlice } from '../../time-slice.ts';
import {
  contextOf,
  decompressed,
  HEADER_BYTES,
  lastOffsetOf,
  LOG_OVERHEAD,
  MAGIC,
  MAGIC_AT,
} from './record-batch.ts';
import { AbortedTransactions, type AbortedTransaction } from './aborted-transactions.ts';
import { RecordReader, unreadableBatch } from './record-reader.ts';

const WORDS_BYTES = 8;

/** The number of records between two checks of the clock. */
const RECORDS_PER_LOOK = 1_024;

/**
 * A record without its value. One object serves all records: it is valid only during a call of the
 * handler.
 */
export interface ScannedRecord {
  readonly key: Buffer | null;
  readonly hasValue: boolean;
  /** Returns a header's value; undefined if it is null or missing, or the name is not unique. */
  header(name: Buffer): Buffer | undefined;
  /**
   * Writes a header of 8 bytes as two little-endian integers to `words`, from index `at`. Writes
   * zeros if `header` would return undefined, or a value of another length.
   */
  headerWords(name: Buffer, words: Int32Array, at: number): void;
}

/** The part of a partition that one response contains. */
export interface RawBatches {
  readonly bytes: Buffer;
  /** Aborted transactions that overlap these batches. */
  readonly aborted: readonly AbortedTransaction[];
}

/**
 * Calls `handle` for each committed record from offset `from`, in order. Does not create objects
 * for values or unread headers, so it is several times faster than decoding messages.
 * @returns the offset at which the next fetch continues; `from` if the bytes contain no complete
 *   batch.
 * @throws UnreadableBatchError; what `handle` throws.
 */
export async function scanRecords(
  { bytes, aborted }: RawBatches,
  from: bigint,
  handle: (record: ScannedRecord) => void,
): Promise<bigint> {
  const transactions = new AbortedTransactions(aborted);
  const slice = new TimeSlice();
  let next = from;
  for (let at = 0; at + HEADER_BYTES <= bytes.length && bytes[at + MAGIC_AT] === MAGIC;) {
    const end = at + LOG_OVERHEAD + bytes.readInt32BE(at + 8);
    if (end < at + HEADER_BYTES)
      throw unreadableBatch(bytes.readBigInt64BE(at), 'it is shorter than its header');
    if (end > bytes.length) break;
    const batch = bytes.subarray(at, end);
    at = end;
    const last = lastOffsetOf(batch);
    if (last < next) continue;
    const { producerId, inTransaction, isControlBatch } = contextOf(batch);
    const isAborted = transactions.has(producerId, last) && inTransaction;
    if (isControlBatch) transactions.passMarker(producerId, await markerKey(batch));
    else if (!isAborted) await scanBatch(batch, Number(next), handle, slice);
    next = last + 1n;
  }
  return next;
}

async function scanBatch(
  batch: Buffer,
  from: number,
  handle: (record: ScannedRecord) => void,
  slice: TimeSlice,
): Promise<void> {
  const count = batch.readInt32BE(57);
  if (count === 0 && batch.length === HEADER_BYTES) return;
  const firstOffset = batch.readBigInt64BE(0);
  const reader = new RecordReader(await decompressed(batch, { firstOffset }), firstOffset);
  const record = new ReusedRecord(reader);
  const skipped = from - Number(firstOffset);
  for (let index = 0; index < count; index++) {
    if (index % RECORDS_PER_LOOK === 0 && slice.isOver()) await slice.next();
    if (record.next() >= skipped) handle(record);
  }
  if (count <= 0 || reader.end < reader.bytes.length)
    throw unreadableBatch(firstOffset, 'its number of records differs from the declared number');
}

/** Returns the key of a control batch's only record; null if compaction removed the record. */
async function markerKey(batch: Buffer): Promise<Buffer | null> {
  if (batch.length === HEADER_BYTES) return null;
  const firstOffset = batch.readBigInt64BE(0);
  const record = new ReusedRecord(new RecordReader(await decompressed(batch, { firstOffset }), firstOffset));
  record.next();
  return record.key;
}

class ReusedRecord implements ScannedRecord {
  key: Buffer | null = null;
  hasValue = false;
  readonly #reader: RecordReader;
  #headersAt = 0;
  #valueAt = 0;

  constructor(reader: RecordReader) {
    this.#reader = reader;
  }

  /** Moves to the next record; returns its offset in the batch. @throws UnreadableBatchError */
  next(): number {
    const reader = this.#reader;
    reader.nextRecord();
    reader.byte();
    reader.skipVarlong();
    const offset = reader.varint();
    this.key = reader.sizedBytes();
    this.hasValue = reader.skipSized();
    this.#headersAt = reader.at;
    return offset;
  }

  header(name: Buffer): Buffer | undefined {
    const length = this.#findHeader(name);
    return length < 0 ? undefined : this.#reader.bytes.subarray(this.#valueAt, this.#valueAt + length);
  }

  headerWords(name: Buffer, words: Int32Array, at: number): void {
    const isFound = this.#findHeader(name) === WORDS_BYTES;
    const { bytes } = this.#reader;
    words[at] = isFound ? bytes.readInt32LE(this.#valueAt) : 0;
    words[at + 1] = isFound ? bytes.readInt32LE(this.#valueAt + 4) : 0;
  }

  /** Returns the length of a header's value, and notes its position. Returns -1 if there is none. */
  #findHeader(name: Buffer): number {
    const reader = this.#reader;
    reader.at = this.#headersAt;
    let length = -1;
    let count = 0;
    for (let left = reader.varint(); left > 0; left--) {
      const isNamed = reader.skipEqual(name);
      const skipped = reader.skipBytes();
      if (!isNamed) continue;
      if (++count > 1) return -1;
      length = skipped;
      this.#valueAt = reader.at - Math.max(length, 0);
    }
    return length;
  }
}
