import type { KafkaMessage } from 'kafkajs';
import { schemaIdOf } from '../../../core/avro/wire-format.ts';
import { deadLetterHeaders } from '../../../core/dead-letters/dead-letter.ts';
import type { SinkLetter } from '../../../core/dead-letters/parse-letter.ts';
import type { RedriveOutcome } from '../../../core/dead-letters/mark.ts';
import { messageOf, RecordError, RowRejectedError } from '../../../core/errors.ts';
import { addMessage } from '../../../consumers/stream/add-message.ts';
import { Batch } from '../../../consumers/stream/batch.ts';
import { InsertedRows } from '../../../consumers/table/insert-rows.ts';
import type { StorageTable } from '../../../consumers/table/storage-table.ts';
import type { StreamSchemas } from '../../../consumers/stream/stream-schemas.ts';
import { RowBuffer } from '../../../consumers/transcode/row-buffer.ts';

/** Inserts the messages of letters into one table, each as a row of its own. */
export class LetterInserter {
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
   * Undefined when the table is not what it was: nothing is inserted.
   *
   * @param whole its message, where the letter holds only a part.
   * @throws IncompatibleSchemaError when the table cannot take the message's schema; ServiceUnavailableError, ServiceRefusedError
   */
  async insert(letter: SinkLetter, whole?: KafkaMessage): Promise<RedriveOutcome | undefined> {
    try {
      const batch = await this.#batchOf(letter, whole ?? messageOfLetter(letter));
      const { columns, rows, ranges } = batch;
      const bytes = rows.bytes.subarray(0, rows.length);
      const inserted = new InsertedRows(columns, bytes, batch.token(), ranges);
      const outcome = await this.#table.insert(inserted, this.#signal);
      if (outcome.kind === 'inserted') return { kind: 'redriven', how: 'row inserted' };
      if (!(await this.#table.hasStill(columns))) return undefined;
      throw new RowRejectedError(
        `table ${this.#table.name} refuses the row: ClickHouse answers ${outcome.reason}`,
      );
    } catch (error) {
      if (!(error instanceof RecordError)) throw error;
      return { kind: 'again', error };
    }
  }

  /** @throws RecordError */
  async #batchOf({ partition }: SinkLetter, message: KafkaMessage): Promise<Batch> {
    const batch = this.#createBatch();
    const unlearnt = addMessage(batch, this.#schemas, partition, message);
    if (unlearnt === undefined) return batch;
    await this.#schemas.learn(unlearnt);
    // The table may have columns more now.
    const again = this.#createBatch();
    if (addMessage(again, this.#schemas, partition, message) !== undefined)
      throw new RangeError('a schema that was learnt has no transcoder');
    return again;
  }

  #createBatch(): Batch {
    this.#rows.length = 0;
    return new Batch(this.#table.columns, this.#rows, this.#topicId, false);
  }
}

/**
 * Whether the message was a delete. A letter's value is never null, so that of a delete is empty; but so is that of a message with an
 * empty value, which is none: its reason says that it is not framed, as no delete's does.
 */
export function isDelete({ bytes, reason }: Pick<SinkLetter, 'bytes' | 'reason'>): boolean {
  return bytes === 0 && reason !== reasonOfEmpty();
}

function reasonOfEmpty(): string | undefined {
  try {
    schemaIdOf(Buffer.alloc(0));
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** The message that was set aside, as far as a row tells of it. */
function messageOfLetter(letter: SinkLetter): KafkaMessage {
  const { offset, timestampMs, headers, value } = letter;
  if (value === undefined) throw new RangeError('a letter that was read without its value');
  return {
    key: headers[deadLetterHeaders.key] ?? null,
    value: isDelete(letter) ? null : value,
    timestamp: String(timestampMs),
    attributes: 0,
    offset: String(offset),
    headers: {},
  };
}
