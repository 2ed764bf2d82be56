import { messageTimeMs } from '../message-time.ts';
import { FetchedMessage, type BatchContext, type Fetched } from './fetched-message.ts';
import { RecordReader, unreadableBatch } from './record-reader.ts';

/**
 * The maximum number of records in a batch. More would block the process, and no real batch has
 * more.
 */
const MAX_RECORDS = 1_000_000;
const tooManyRecords = `it has more than ${MAX_RECORDS.toLocaleString('en-US')} records`;

/** The records of a batch, without an object for each. kafkajs treats them as one message. */
export class PackedBatch implements Fetched {
  /** The last offset of the batch, even if compaction removed its message. */
  readonly offset: string;
  readonly timestamp: string;
  readonly key = null;
  readonly value = null;
  readonly headers = {};
  readonly attributes = 0;
  readonly isControlRecord = false;
  readonly batchContext: BatchContext;
  readonly #records: Buffer;
  readonly #count: number;

  /** Checks all records, but not their headers. @throws UnreadableBatchError */
  constructor(records: Buffer, count: number, lastOffset: bigint, context: BatchContext) {
    this.offset = String(lastOffset);
    this.timestamp = context.maxTimestamp;
    this.batchContext = context;
    this.#records = records;
    this.#count = count;
    const { firstOffset } = context;
    const cursor = this.records();
    for (let read = 0; cursor.next(); read++)
      if (read === MAX_RECORDS) throw unreadableBatch(firstOffset, tooManyRecords);
    if (count <= 0 || !cursor.isAtEnd)
      throw unreadableBatch(firstOffset, 'its number of records differs from the declared number');
    // Readers resume after the declared end: offsets beyond it belong to the next batch.
    if (cursor.offset > Number(lastOffset))
      throw unreadableBatch(firstOffset, 'it has records beyond its end');
  }

  /** Returns a cursor before the first record. */
  records(): RecordCursor {
    return new RecordCursor(this.#records, this.#count, this.batchContext);
  }

  *messages(): Generator<FetchedMessage> {
    const reader = new RecordReader(this.#records, this.batchContext.firstOffset);
    for (let index = 0; index < this.#count; index++) yield new FetchedMessage(reader, this.batchContext);
  }
}

/** Reads the records of a batch one by one, without an object for each. */
export class RecordCursor {
  readonly bytes: Buffer;
  readonly #reader: RecordReader;
  readonly #context: BatchContext;
  readonly #firstOffset: number;
  readonly #firstTimeMs: number;
  #left: number;
  #start = 0;
  /** The fields of the current record, which {@link next} reads. */
  offset = -1;
  timeMs = 0;
  isKeyNull = false;
  isValueNull = false;
  /** The position of the value in {@link bytes}, unless it is null. */
  valueAt = 0;
  valueEnd = 0;

  constructor(bytes: Buffer, count: number, context: BatchContext) {
    this.bytes = bytes;
    this.#reader = new RecordReader(bytes, context.firstOffset);
    this.#context = context;
    this.#left = count;
    this.#firstOffset = Number(context.firstOffset);
    this.#firstTimeMs = Number(context.firstTimestamp);
    if (context.isLogAppendTime) this.timeMs = messageTimeMs(context.maxTimestamp);
  }

  /** Returns false after the last record. @throws UnreadableBatchError */
  next(): boolean {
    if (this.#left <= 0) return false;
    this.#left--;
    const reader = this.#reader;
    this.#start = reader.at === 0 ? 0 : reader.end;
    reader.nextRecord();
    reader.byte();
    this.#readTime(reader);
    this.offset = this.#firstOffset + reader.varint();
    this.isKeyNull = reader.skipBytes() < 0;
    const length = reader.skipBytes();
    this.isValueNull = length < 0;
    this.valueEnd = reader.at;
    this.valueAt = reader.at - length;
    return true;
  }

  /** Whether no bytes follow the record. */
  get isAtEnd(): boolean {
    return this.#reader.end === this.bytes.length;
  }

  /** Returns the record as a message of its own. */
  message(): FetchedMessage {
    const { firstOffset } = this.#context;
    return new FetchedMessage(new RecordReader(this.bytes.subarray(this.#start), firstOffset), this.#context);
  }

  #readTime(reader: RecordReader): void {
    const { isLogAppendTime, firstTimestamp } = this.#context;
    const at = reader.at;
    const delta = reader.shortVarint();
    if (isLogAppendTime) {
      if (delta === undefined) reader.varlong();
    } else if (delta !== undefined && Number.isSafeInteger(this.#firstTimeMs)) {
      this.timeMs = Math.min(Math.max(this.#firstTimeMs + delta, 0), MAX_TIME_MS);
    } else {
      reader.at = at;
      this.timeMs = messageTimeMs(String(BigInt.asIntN(64, firstTimestamp + reader.varlong())));
    }
  }
}

const MAX_TIME_MS = messageTimeMs(String(2n ** 63n - 1n));

/** Returns all messages, including those in packed batches. */
export function* messagesOf<T extends object>(fetched: readonly T[]): Generator<T | FetchedMessage> {
  for (const message of fetched) {
    if (message instanceof PackedBatch) yield* message.messages();
    else yield message;
  }
}
