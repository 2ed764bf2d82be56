import type { KafkaMessage } from 'kafkajs';
import { deadLetterHeaders } from '../../../core/dead-letters/format.ts';
import type { SinkDeadLetter } from '../../../core/dead-letters/reader.ts';
import type { RedriveOutcome } from '../../../core/dead-letters/writer.ts';
import { RowRejectedError } from '../../../core/errors.ts';
import type { StreamSchemas } from '../../../consumers/stream/stream-schemas.ts';
import type { StorageTable } from '../../../consumers/table/storage-table.ts';
import { batchOf } from './message-batch.ts';

/** The table that dead letters are redriven into. */
export interface RedriveTarget {
  readonly table: StorageTable;
  readonly schemas: StreamSchemas;
  readonly topicId: bigint;
  readonly signal: AbortSignal;
}

/**
 * Inserts the row of a dead letter's message. Returns undefined, and inserts nothing, if another
 * client has changed the table.
 * @throws IncompatibleSchemaError if the table cannot hold the message's schema.
 */
export async function insertDeadLetter(
  { table, schemas, topicId, signal }: RedriveTarget,
  { partition }: SinkDeadLetter,
  message: KafkaMessage,
): Promise<RedriveOutcome | undefined> {
  const { batch, unfit } = await batchOf(table, schemas, [{ partition, message }], topicId);
  const [fault] = unfit;
  if (fault !== undefined) return { kind: 'failed', error: fault.error };
  const { columns, rows, ranges } = batch;
  const bytes = rows.bytes.subarray(0, rows.length);
  const outcome = await table.insert({ columns, rows: bytes, token: batch.token(), ranges }, signal);
  if (outcome.kind === 'inserted') return { kind: 'redriven', how: 'row inserted' };
  if (!(await table.matchesShape(columns))) return undefined;
  const why = `table ${table.name} refuses the row: ClickHouse returned ${outcome.reason}`;
  return { kind: 'failed', error: new RowRejectedError(why) };
}

/** Restores the parts of the rejected message that its row needs. */
export function rejectedMessage(deadLetter: SinkDeadLetter): KafkaMessage {
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
