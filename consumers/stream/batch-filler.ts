import type { KafkaMessage } from 'kafkajs';
import { schemaIdOf } from '../../core/avro/wire-format.ts';
import { RecordError } from '../../core/errors.ts';
import { assertReadable } from '../../core/kafka/decoder/fetched-message.ts';
import { PackedBatch } from '../../core/kafka/decoder/packed-batch.ts';
import type { SinkCounts } from '../report/sink-counts.ts';
import type { StorageTable } from '../table/storage-table.ts';
import { addMessage, addRecord } from './add-message.ts';
import { Batch } from './batch.ts';
import type { FetchedMessages } from './fetched-messages.ts';
import type { RowBuffers } from './row-buffers.ts';
import type { StreamSchemas } from './stream-schemas.ts';
import type { TopicPartitions } from './topic-partitions.ts';

/** A batch is due when it reaches one of these limits. Slow inserts extend the last two. */
export interface BatchLimits {
  readonly rows: number;
  readonly bytes: number;
  /** Bytes of its dead letters. */
  readonly deadLetterBytes: number;
  /** Time since its first message. */
  readonly ageMs: number;
  /** Time since its last message. */
  readonly quietMs: number;
}

export interface BatchFillerOptions {
  readonly topic: string;
  readonly table: StorageTable;
  readonly schemas: StreamSchemas;
  readonly partitions: TopicPartitions;
  /** Shared by all tables. */
  readonly buffers: RowBuffers;
  readonly limits: BatchLimits;
  readonly counts: SinkCounts;
}

/**
 * A small batch waits for this many times the duration of the last insert, up to MAX_REST_MS, so
 * that short inserts take at most about a seventh of the time.
 */
const INSERTS_REST = 6;
const MAX_REST_MS = 1_000;
/** From this part of a limit on, the rows of a batch take longer to insert than the insert itself. */
const LARGE_PART = 0.1;

/** Turns accepted messages into the rows of one batch and decides when the batch is due. */
export class BatchFiller {
  /** Duration of the last insert in ms. */
  lastInsertMs = 0;
  /** The schema to learn once the batch with the earlier messages is inserted. */
  unknownSchemaId: number | undefined;
  /** Whether new batches keep their messages, so that a refused row can be found. */
  keepsMessages = false;
  readonly #options: BatchFillerOptions;
  #batch: Batch | undefined;
  #lastAddMs = 0;

  constructor(options: BatchFillerOptions) {
    this.#options = options;
  }

  /** The batch that is being filled; undefined before its first message. */
  get batch(): Batch | undefined {
    return this.#batch;
  }

  /**
   * Adds messages up to the first with an unknown schema; rejects those that cannot become rows.
   * Returns the offset of the first message with an unknown schema, else the offset after the last
   * message.
   * @throws IncompatibleSchemaError, UnreadableBatchError
   */
  add({ partition, messages, from = 0n, next }: FetchedMessages): bigint {
    const { topic, table, partitions, buffers, counts } = this.#options;
    this.#batch ??= new Batch(table.columns, buffers.acquire(), partitions.topicId, this.keepsMessages);
    assertReadable(topic, partition, messages);
    const reached = this.#fill(this.#batch, partition, messages, Number(from)) ?? next;
    this.#lastAddMs = performance.now();
    this.#batch.consumed.set(partition, reached);
    counts.oldestRowMs ??= this.#batch.startedMs;
    return reached;
  }

  /** Hands over the batch for its insert. The caller releases its buffer. */
  take(): Batch | undefined {
    const batch = this.#batch;
    this.#batch = undefined;
    this.#options.counts.oldestRowMs = undefined;
    return batch;
  }

  /** Drops the batch, whose messages are fetched again. */
  discard(): void {
    const batch = this.take();
    if (batch !== undefined) this.#options.buffers.release(batch.rows);
    this.unknownSchemaId = undefined;
  }

  get hasRoom(): boolean {
    return this.#batch === undefined || (!this.#isFull(this.#batch) && !this.#options.buffers.isFull());
  }

  get isDue(): boolean {
    if (this.#batch === undefined) return false;
    const { partitions, buffers } = this.#options;
    const isForced = this.unknownSchemaId !== undefined || partitions.isCaughtUp || buffers.isFull();
    return isForced || this.#isFull(this.#batch) || this.waitMs <= 0;
  }

  /** The time for which the batch may still wait for more messages. */
  get waitMs(): number {
    if (this.#batch === undefined) return Infinity;
    const { ageMs, quietMs } = this.#options.limits;
    // A busy server gets fewer and larger batches. Waiting does not make a large one more efficient.
    const isLarge = this.#isFilledTo(LARGE_PART, this.#batch);
    const restMs = isLarge ? 0 : Math.min(INSERTS_REST * this.lastInsertMs, MAX_REST_MS);
    const dueMs = this.#batch.startedMs + Math.max(ageMs, restMs);
    return Math.min(dueMs, this.#lastAddMs + Math.max(quietMs, restMs)) - performance.now();
  }

  #isFull(batch: Batch): boolean {
    return this.#isFilledTo(1, batch);
  }

  /** Returns whether the batch has reached this part of any limit of size. */
  #isFilledTo(part: number, { rows, rowCount, deadLetterBytes }: Batch): boolean {
    const { limits: max } = this.#options;
    const parts = [rowCount / max.rows, rows.length / max.bytes, deadLetterBytes / max.deadLetterBytes];
    return parts.some((reached) => reached >= part);
  }

  /** Returns the offset of the first message with an unknown schema, if any. */
  #fill(
    batch: Batch,
    partition: number,
    messages: readonly KafkaMessage[],
    from: number,
  ): bigint | undefined {
    const { schemas } = this.#options;
    for (const message of messages) {
      if (message instanceof PackedBatch) {
        const offset = this.#fillPacked(batch, partition, message, from);
        if (offset !== undefined) return BigInt(offset);
        continue;
      }
      try {
        this.unknownSchemaId = addMessage(batch, schemas, partition, message);
        if (this.unknownSchemaId !== undefined) return BigInt(message.offset);
      } catch (error) {
        this.#reject(batch, partition, message, error);
      }
    }
    return undefined;
  }

  #fillPacked(batch: Batch, partition: number, packed: PackedBatch, from: number): number | undefined {
    const { schemas } = this.#options;
    const record = packed.records();
    while (record.next()) {
      if (record.offset < from) continue;
      try {
        this.unknownSchemaId = addRecord(batch, schemas, partition, record);
        if (this.unknownSchemaId !== undefined) return record.offset;
      } catch (error) {
        this.#reject(batch, partition, record.message(), error);
      }
    }
    return undefined;
  }

  #reject(batch: Batch, partition: number, message: KafkaMessage, error: unknown): void {
    const { topic, counts } = this.#options;
    if (!(error instanceof RecordError)) throw error;
    const schemaId = namedSchemaId(message.value);
    batch.reject({ stream: counts.stream, topic, partition, message, schemaId, error });
  }
}

/** Returns the schema id that the bytes name, if any. */
function namedSchemaId(value: Buffer | null): number | undefined {
  try {
    return value === null ? undefined : schemaIdOf(value);
  } catch {
    return undefined;
  }
}
