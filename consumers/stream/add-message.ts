import type { KafkaMessage } from 'kafkajs';
import { FRAME_BYTES, schemaIdIn } from '../../core/avro/wire-format.ts';
import { DecodeError } from '../../core/errors.ts';
import type { RecordCursor } from '../../core/kafka/decoder/packed-batch.ts';
import type { Batch } from './batch.ts';
import type { StreamSchemas } from './stream-schemas.ts';
import { writeTombstone } from '../transcode/tombstone.ts';

/**
 * Adds the row of a message to a batch, or returns the id of the schema to learn first.
 * @throws RecordError if the message cannot become a row; IncompatibleSchemaError if no message
 * can.
 */
export function addMessage(
  batch: Batch,
  schemas: StreamSchemas,
  partition: number,
  message: KafkaMessage,
): number | undefined {
  const { value } = message;
  const { rows, columns } = batch;
  if (value === null) {
    const { primaryKey } = schemas;
    if (schemas.latestFault !== undefined && primaryKey === undefined) throw schemas.latestFault;
    if (primaryKey === undefined)
      throw new DecodeError('the delete cannot be applied: no schema of the topic declares a primary key');
    if (message.key === null) throw new DecodeError('the delete has no key');
    const parts = schemas.keyPartsOf(message.key, primaryKey, columns);
    if (typeof parts === 'number') return parts;
    writeTombstone(parts, primaryKey, columns, rows);
    batch.endRow(partition, message, 0, true);
    return undefined;
  }
  const { length } = value;
  const id = schemaIdIn(value, 0, length);
  const transcoder = schemas.transcoderOf(id, columns);
  if (transcoder === undefined) return id;
  transcoder.transcode(value, FRAME_BYTES, rows, length);
  batch.endRow(partition, message, id, false);
  return undefined;
}

/**
 * Like {@link addMessage}, but for the current record of a cursor. Does not create a message object
 * unless the record is a delete or the batch keeps its messages.
 */
export function addRecord(
  batch: Batch,
  schemas: StreamSchemas,
  partition: number,
  record: RecordCursor,
): number | undefined {
  if (record.isValueNull || batch.kept !== undefined)
    return addMessage(batch, schemas, partition, record.message());
  const { bytes, valueAt, valueEnd } = record;
  const id = schemaIdIn(bytes, valueAt, valueEnd);
  const transcoder = schemas.transcoderOf(id, batch.columns);
  if (transcoder === undefined) return id;
  transcoder.transcode(bytes, valueAt + FRAME_BYTES, batch.rows, valueEnd);
  batch.endRowAt(partition, record.offset, record.timeMs, id, false);
  return undefined;
}
