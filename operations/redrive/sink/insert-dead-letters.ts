import type { KafkaMessage } from 'kafkajs';
import { deadLetterHeaders } from '../../../core/dead-letters/format.ts';
import type { SinkDeadLetter } from '../../../core/dead-letters/reader.ts';
import type { RedriveOutcome } from '../../../core/dead-letters/writer.ts';
import { RowRejectedError } from '../../../core/errors.ts';
import type { StreamSchemas } from '../../../consumers/stream/stream-schemas.ts';
import type { StorageTable } from '../../../consumers/table/storage-table.ts';
import { batchOf } from './message-batch.ts';

/** Inserts the messages of dead letters into one table, each as its own insert. */
export class DeadLetterInserter {
  readonly #table: StorageTable;
  readonly #schemas: StreamSchemas;
  readonly #topicId: bigint;
  readonly #signal: AbortSignal;

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
   * @throws IncompatibleSchemaError if the table cannot hold the message's schema.
   */
  async insert(deadLetter: SinkDeadLetter, whole?: KafkaMessage): Promise<RedriveOutcome | undefined> {
    const table = this.#table;
    const placed = { partition: deadLetter.partition, message: whole ?? rejectedMessage(deadLetter) };
    const { batch, unfit } = await batchOf(table, this.#schemas, [placed], this.#topicId);
    const [fault] = unfit;
    if (fault !== undefined) return { kind: 'failed', error: fault.error };
    const { columns, rows, ranges } = batch;
    const bytes = rows.bytes.subarray(0, rows.length);
    const inserted = { columns, rows: bytes, token: batch.token(), ranges };
    const outcome = await table.insert(inserted, this.#signal);
    if (outcome.kind === 'inserted') return { kind: 'redriven', how: 'row inserted' };
    if (!(await table.matchesShape(columns))) return undefined;
    const why = `table ${table.name} refuses the row: ClickHouse answers ${outcome.reason}`;
    return { kind: 'failed', error: new RowRejectedError(why) };
  }
}

/** Restores the parts of the rejected message that its row needs. */
function rejectedMessage(deadLetter: SinkDeadLetter): KafkaMessage {
  const { offset, timestampMs, headers, value, isDelete } = deadLetter;
  if (value === undefined) throw new RangeError('the dead letter was read without its value');
  return {
    key: headers[deadLetterHeaders.key] ?? null,
    value: isDelete ? null : value,
    timestamp: String(timestampMs),
    attributes: 0,
    offset: String(offset),
    headers: {},
  };
}
