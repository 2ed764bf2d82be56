import type { KafkaMessage } from 'kafkajs';
import { deadLetterHeaders } from '../../../core/dead-letters/format.ts';
import type { SinkDeadLetter } from '../../../core/dead-letters/reader.ts';
import type { RedriveOutcome } from '../../../core/dead-letters/writer.ts';
import { RecordError, RowRejectedError } from '../../../core/errors.ts';
import { addMessage } from '../../../consumers/stream/add-message.ts';
import { Batch } from '../../../consumers/stream/batch.ts';
import type { StreamSchemas } from '../../../consumers/stream/stream-schemas.ts';
import type { StorageTable } from '../../../consumers/table/storage-table.ts';
import { RowBuffer } from '../../../consumers/transcode/row-buffer.ts';

/** Inserts the messages of dead letters into one table, each as its own insert. */
export class DeadLetterInserter {
  readonly #table: StorageTable;
  readonly #schemas: StreamSchemas;
  readonly #topicId: bigint;
  readonly #signal: AbortSignal;
  readonly #rows = new RowBuffer();

  constructor(table: StorageTable, schemas: StreamSchemas, topicId: bigint, signal: AbortSignal) {
    this.#table = table;
    this.#schemas = schemas;
    this.#topicId = topicId;
    this.#signal = signal;
  }

  /**
   * Returns undefined, and inserts nothing, if another client has changed the table.
   *
   * @param whole the message from the topic, if the dead letter is truncated.
   * @throws IncompatibleSchemaError if the table cannot hold the message's schema;
   *   ServiceUnavailableError, ServiceRefusedError
   */
  async insert(deadLetter: SinkDeadLetter, whole?: KafkaMessage): Promise<RedriveOutcome | undefined> {
    try {
      const batch = await this.#batchOf(deadLetter, whole ?? rejectedMessage(deadLetter));
      const { columns, rows, ranges } = batch;
      const bytes = rows.bytes.subarray(0, rows.length);
      const inserted = { columns, rows: bytes, token: batch.token(), ranges };
      const outcome = await this.#table.insert(inserted, this.#signal);
      if (outcome.kind === 'inserted') return { kind: 'redriven', how: 'row inserted' };
      if (!(await this.#table.matchesShape(columns))) return undefined;
      throw new RowRejectedError(
        `table ${this.#table.name} refuses the row: ClickHouse answers ${outcome.reason}`,
      );
    } catch (error) {
      if (!(error instanceof RecordError)) throw error;
      return { kind: 'failed', error };
    }
  }

  /** @throws RecordError */
  async #batchOf({ partition }: SinkDeadLetter, message: KafkaMessage): Promise<Batch> {
    const batch = this.#createBatch();
    const unknownSchemaId = addMessage(batch, this.#schemas, partition, message);
    if (unknownSchemaId === undefined) return batch;
    await this.#schemas.learn(unknownSchemaId);
    // The table may have more columns now.
    const retried = this.#createBatch();
    if (addMessage(retried, this.#schemas, partition, message) !== undefined)
      throw new RangeError('a known schema without a transcoder');
    return retried;
  }

  #createBatch(): Batch {
    this.#rows.length = 0;
    return new Batch(this.#table.columns, this.#rows, this.#topicId, false);
  }
}

/** Restores the parts of the rejected message that its row needs. */
function rejectedMessage(deadLetter: SinkDeadLetter): KafkaMessage {
  const { offset, timestampMs, headers, value, isDelete } = deadLetter;
  if (value === undefined) throw new RangeError('a dead letter that was read without its value');
  return {
    key: headers[deadLetterHeaders.key] ?? null,
    value: isDelete ? null : value,
    timestamp: String(timestampMs),
    attributes: 0,
    offset: String(offset),
    headers: {},
  };
}
