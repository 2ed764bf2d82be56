import { randomUUID } from 'node:crypto';
import type { KafkaMessage } from 'kafkajs';
import { FRAME_BYTES, schemaIdOf } from '../../core/avro/wire-format.ts';
import { DecodeError, RecordError, ServiceRefusedError } from '../../core/errors.ts';
import { Batch } from '../batch.ts';
import { InsertedRows } from '../clickhouse/insert-rows.ts';
import type { StorageTable } from '../clickhouse/storage-table.ts';
import type { StreamSchemas } from '../stream-schemas.ts';
import { RowBuffer } from '../transcode/row-buffer.ts';
import { writeTombstone } from '../transcode/tombstone.ts';

export interface PlacedMessage {
  readonly partition: number;
  readonly message: KafkaMessage;
}

/**
 * Makes rows of single messages as the sink does, system columns included, and inserts them as one block.
 *
 * @param onUnfit is told of each message that cannot become a row.
 * @returns how many rows were inserted.
 * @throws ServiceRefusedError when the table refuses them.
 */
export async function insertMessages(
  table: StorageTable,
  schemas: StreamSchemas,
  messages: readonly PlacedMessage[],
  signal: AbortSignal,
  onUnfit: (placed: PlacedMessage, error: RecordError) => void,
): Promise<number> {
  const ids = new Map<PlacedMessage, number>();
  for (const placed of messages) {
    const { value } = placed.message;
    if (value === null) continue;
    try {
      const id = schemaIdOf(value);
      await schemas.learn(id);
      ids.set(placed, id);
    } catch (error) {
      if (!(error instanceof RecordError)) throw error;
    }
  }
  const { columns } = table;
  const batch = new Batch(columns, new RowBuffer(), false);
  for (const placed of messages) {
    const { partition, message } = placed;
    try {
      if (message.value === null) {
        if (message.key === null || schemas.primaryKey === undefined)
          throw new DecodeError('a delete of which nobody knows the key');
        writeTombstone(message.key.toString('utf8'), schemas.primaryKey, columns, batch.rows);
        batch.endRow(partition, message, 0, true);
        continue;
      }
      const id = ids.get(placed) ?? schemaIdOf(message.value);
      const transcoder = schemas.transcoderOf(id, columns);
      if (transcoder === undefined) throw new DecodeError(`no columns for schema ${id}`);
      transcoder.transcode(message.value, FRAME_BYTES, batch.rows);
      batch.endRow(partition, message, id, false);
    } catch (error) {
      if (!(error instanceof RecordError)) throw error;
      onUnfit(placed, error);
    }
  }
  if (batch.rowCount === 0) return 0;
  // A token of its own: what was inserted once and is gone must not be taken for a repetition.
  const rows = new InsertedRows(
    columns,
    batch.rows.bytes.subarray(0, batch.rows.length),
    `repair ${randomUUID()}`,
  );
  const outcome = await table.insert(rows, signal);
  if (outcome.kind === 'refused')
    throw new ServiceRefusedError(
      `table ${table.name} refuses the rows of a repair, ${outcome.reason}: look at its constraints and materialized views, then run it again`,
    );
  return batch.rowCount;
}
