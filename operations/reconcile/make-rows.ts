import type { KafkaMessage } from 'kafkajs';
import { schemaIdOf } from '../../core/avro/wire-format.ts';
import { DecodeError, RecordError, ServiceRefusedError } from '../../core/errors.ts';
import { addMessage } from '../../consumers/stream/add-message.ts';
import { Batch, placesOf } from '../../consumers/stream/batch.ts';
import { InsertedRows } from '../../consumers/table/insert-rows.ts';
import type { StorageTable } from '../../consumers/table/storage-table.ts';
import type { StreamSchemas } from '../../consumers/stream/stream-schemas.ts';
import { RowBuffer } from '../../consumers/transcode/row-buffer.ts';

export interface PlacedMessage {
  readonly partition: number;
  readonly message: KafkaMessage;
}

/**
 * Makes rows of single messages as the sink does, system columns included, and inserts them as one block.
 *
 * @param topicId of the topic that the messages are of.
 * @param onUnfit is told of each message that cannot become a row.
 * @returns how many rows were inserted.
 * @throws ServiceRefusedError when the table refuses them.
 */
export async function insertMessages(
  table: StorageTable,
  schemas: StreamSchemas,
  messages: readonly PlacedMessage[],
  topicId: bigint,
  signal: AbortSignal,
  onUnfit: (placed: PlacedMessage, error: RecordError) => void,
): Promise<number> {
  for (const { message } of messages) {
    if (message.value === null) continue;
    try {
      await schemas.learn(schemaIdOf(message.value));
    } catch (error) {
      if (!(error instanceof RecordError)) throw error;
    }
  }
  const { columns } = table;
  const batch = new Batch(columns, new RowBuffer(), topicId, true);
  for (const placed of messages) {
    const { partition, message } = placed;
    try {
      let unlearnt = addMessage(batch, schemas, partition, message);
      if (unlearnt !== undefined && message.value === null) {
        await schemas.learn(unlearnt);
        unlearnt = addMessage(batch, schemas, partition, message);
      }
      if (unlearnt !== undefined) throw new DecodeError(`the table has no columns for schema ${unlearnt}`);
    } catch (error) {
      if (!(error instanceof RecordError)) throw error;
      onUnfit(placed, error);
    }
  }
  if (batch.rowCount === 0) return 0;
  const bytes = batch.rows.bytes.subarray(0, batch.rows.length);
  const rows = new InsertedRows(
    columns,
    bytes,
    `repair ${batch.token()}`,
    placesOf(batch.kept ?? [], batch.topicId),
  );
  const outcome = await table.insert(rows, signal);
  if (outcome.kind === 'refused')
    throw new ServiceRefusedError(
      `table ${table.name} refuses the rows of a repair, ${outcome.reason}: look at its constraints and materialized views, then run it again`,
    );
  return batch.rowCount;
}
