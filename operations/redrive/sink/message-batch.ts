import type { KafkaMessage } from 'kafkajs';
import { schemaIdOf } from '../../../core/avro/wire-format.ts';
import { DecodeError, RecordError } from '../../../core/errors.ts';
import { addMessage } from '../../../consumers/stream/add-message.ts';
import { Batch } from '../../../consumers/stream/batch.ts';
import type { StreamSchemas } from '../../../consumers/stream/stream-schemas.ts';
import type { StorageTable } from '../../../consumers/table/storage-table.ts';
import { RowBuffer } from '../../../consumers/transcode/row-buffer.ts';

export interface PlacedMessage {
  readonly partition: number;
  readonly message: KafkaMessage;
}

/**
 * Converts messages to rows as the sink does, with system columns. Learns their schemas first, so
 * that the table has all columns. `unfit` messages cannot become rows.
 * @throws IncompatibleSchemaError if the table cannot hold a schema.
 */
export async function batchOf(
  table: StorageTable,
  schemas: StreamSchemas,
  messages: readonly PlacedMessage[],
  topicId: bigint,
): Promise<{ batch: Batch; unfit: readonly { placed: PlacedMessage; error: RecordError }[] }> {
  const unfit: { placed: PlacedMessage; error: RecordError }[] = [];
  for (const { message } of messages) {
    if (message.value === null) continue;
    try {
      await schemas.learn(schemaIdOf(message.value));
    } catch (error) {
      if (!(error instanceof RecordError)) throw error;
    }
  }
  const batch = new Batch(table.columns, new RowBuffer(), topicId, true);
  for (const placed of messages) {
    const { partition, message } = placed;
    try {
      let unknownSchemaId = addMessage(batch, schemas, partition, message);
      if (unknownSchemaId !== undefined && message.value === null) {
        await schemas.learn(unknownSchemaId);
        unknownSchemaId = addMessage(batch, schemas, partition, message);
      }
      if (unknownSchemaId !== undefined)
        throw new DecodeError(`the table has no columns for schema ${unknownSchemaId}`);
    } catch (error) {
      if (!(error instanceof RecordError)) throw error;
      unfit.push({ placed, error });
    }
  }
  return { batch, unfit };
}
