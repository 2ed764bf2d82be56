import type { KafkaMessage } from 'kafkajs';
import type { Registry } from '../core/avro/registry.ts';
import type { StreamSchema } from '../core/avro/schema.ts';
import { schemaIdOf } from '../core/avro/wire-format.ts';
import { ByteWriter } from '../core/byte-writer.ts';
import { DecodeError, messageOf } from '../core/errors.ts';
import { logger } from '../core/logger.ts';
import type { Column } from './clickhouse/column-type.ts';
import type { StorageTable } from './clickhouse/storage-table.ts';
import { RowTranscoder, writeTombstone, type RowOrigin } from './transcode/row-transcoder.ts';

/** What one stream's sink has done so far. */
export interface SinkCounts {
  readonly stream: string;
  readonly table: string;
  batches: number;
  rows: number;
  bytes: number;
  insertSeconds: number;
  failure: Error | undefined;
}

/** Messages of one partition, contiguous but for what compaction took out. */
export interface PartitionBatch {
  readonly topic: string;
  readonly partition: number;
  readonly messages: readonly KafkaMessage[];
}

/**
 * Sinks the topic of one stream into its table: decode → evolve → insert. The caller commits, after this has returned.
 */
export class StreamSink {
  readonly counts: SinkCounts;
  readonly #registry: Registry;
  readonly #table: StorageTable;
  #primaryKey: readonly string[] | undefined;
  #transcoderColumns: readonly Column[] = [];
  readonly #transcoders = new Map<number, RowTranscoder>();

  constructor(registry: Registry, table: StorageTable) {
    this.#registry = registry;
    this.#table = table;
    this.counts = {
      stream: table.stream,
      table: table.name,
      batches: 0,
      rows: 0,
      bytes: 0,
      insertSeconds: 0,
      failure: undefined,
    };
  }

  /** Keeps why the stream failed and says it once. */
  fail(error: unknown): void {
    this.counts.failure = error instanceof Error ? error : new Error(messageOf(error));
    logger.error({ stream: this.counts.stream, reason: messageOf(error) }, 'stream stopped');
  }

  /** Makes table and views for the subject's latest schema, so that a stream without messages can be queried too. */
  async prepare(subject: string): Promise<void> {
    const latest = await this.#registry.latest(subject);
    if (latest === undefined) return;
    await this.#table.cover(latest.id, latest.schema);
    this.#primaryKey = latest.schema.primaryKey;
  }

  /**
   * Inserts a batch; returns when ClickHouse has acknowledged it.
   *
   * @throws DecodeError naming topic, partition and offset; IncompatibleSchemaError; ServiceUnavailableError; ServiceRefusedError
   */
  async insertBatch(batch: PartitionBatch): Promise<void> {
    const { messages } = batch;
    const [first, last] = [messages[0], messages.at(-1)];
    if (first === undefined || last === undefined) return;
    const schemas = await this.#coverSchemas(batch);
    // Columns and rows must agree: another partition may widen the table while this insert is on its way.
    const { columns } = this.#table;
    const rows = this.#transcode(batch, schemas, columns);
    const startMs = performance.now();
    // The times tell apart a topic that was deleted and made again: its offsets return, its rows are others.
    const token = [
      batch.topic,
      batch.partition,
      first.offset,
      last.offset,
      first.timestamp,
      last.timestamp,
    ].join(':');
    await this.#table.insert(columns, rows, token);
    this.counts.insertSeconds += (performance.now() - startMs) / 1000;
    this.counts.batches++;
    this.counts.rows += messages.length;
    this.counts.bytes += rows.length;
  }

  /** The schemas of a batch. No message is transcoded before the server has shown the columns of its schema. */
  async #coverSchemas(batch: PartitionBatch): Promise<ReadonlyMap<number, StreamSchema>> {
    const ids = new Set<number>();
    for (const message of batch.messages) {
      const { value } = message;
      if (value !== null) ids.add(located(batch, message, () => schemaIdOf(value)));
    }
    const schemas = new Map<number, StreamSchema>();
    for (const id of ids) {
      const schema = await this.#registry.schemaById(id);
      await this.#table.cover(id, schema);
      schemas.set(id, schema);
      this.#primaryKey ??= schema.primaryKey;
    }
    return schemas;
  }

  #transcode(
    batch: PartitionBatch,
    schemas: ReadonlyMap<number, StreamSchema>,
    columns: readonly Column[],
  ): Buffer {
    const out = new ByteWriter();
    for (const message of batch.messages) {
      const origin: RowOrigin = {
        partition: batch.partition,
        offset: BigInt(message.offset),
        timestampMs: BigInt(message.timestamp),
      };
      located(batch, message, () => {
        if (message.value === null) this.#writeTombstone(message, columns, origin, out);
        else
          this.#transcoderOf(schemaIdOf(message.value), schemas, columns).write(message.value, origin, out);
      });
    }
    return out.view();
  }

  /** Transcoders are kept for as long as the table keeps its columns. */
  #transcoderOf(
    id: number,
    schemas: ReadonlyMap<number, StreamSchema>,
    columns: readonly Column[],
  ): RowTranscoder {
    if (this.#transcoderColumns !== columns) {
      this.#transcoderColumns = columns;
      this.#transcoders.clear();
    }
    let transcoder = this.#transcoders.get(id);
    if (transcoder === undefined) {
      const schema = schemas.get(id);
      if (schema === undefined) throw new DecodeError(`its schema ${id} was not looked up`);
      transcoder = new RowTranscoder(id, schema, columns);
      this.#transcoders.set(id, transcoder);
    }
    return transcoder;
  }

  #writeTombstone(
    { key }: KafkaMessage,
    columns: readonly Column[],
    origin: RowOrigin,
    out: ByteWriter,
  ): void {
    if (this.#primaryKey === undefined || key === null)
      throw new DecodeError('a delete of which the key cannot be told');
    writeTombstone(key.toString('utf8'), this.#primaryKey, columns, origin, out);
  }
}

/** Runs `work` for one message; its DecodeError then says which message it was. */
function located<T>({ topic, partition }: PartitionBatch, { offset }: KafkaMessage, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new DecodeError(`message ${topic}, partition ${partition}, offset ${offset}: ${error.message}`, {
      cause: error,
    });
  }
}
