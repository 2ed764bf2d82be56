import type { KafkaMessage } from 'kafkajs';
import { schemaIdOf } from '../../core/avro/wire-format.ts';
import { DecodeError, RecordError, ServiceRefusedError } from '../../core/errors.ts';
import { addMessage } from '../../consumers/stream/add-message.ts';
import { Batch, placesOf } from '../../consumers/stream/batch.ts';
import type { StorageTable } from '../../consumers/table/storage-table.ts';
import type { StreamSchemas } from '../../consumers/stream/stream-schemas.ts';
import { RowBuffer } from '../../consumers/transcode/row-buffer.ts';

/** A message that cannot become a row. */
export interface UnfitMessage {
  readonly placed: PlacedMessage;
  readonly error: RecordError;
}

export interface PlacedMessage {
  readonly partition: number;
  readonly message: KafkaMessage;
}

/**
 * Converts messages to rows as the sink does, with system columns, and inserts them as one block.
 *
 * @param topicId id of the messages' topic.
 * @returns the number of inserted rows, and the messages that cannot become rows.
 * @throws ServiceRefusedError if the table refuses the rows.
 */
export async function insertMessages(
  table: StorageTable,
  schemas: StreamSchemas,
  messages: readonly PlacedMessage[],
  topicId: bigint,
  signal: AbortSignal,
): Promise<{ readonly inserted: number; readonly unfit: readonly UnfitMessage[] }> {
  const unfit: UnfitMessage[] = [];
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
  if (batch.rowCount === 0) return { inserted: 0, unfit };
  const rows = {
    columns,
    rows: batch.rows.bytes.subarray(0, batch.rows.length),
    token: `repair ${batch.token()}`,
    ranges: placesOf(batch.kept ?? [], batch.topicId),
  };
  const outcome = await table.insert(rows, signal);
  if (outcome.kind === 'refused')
    throw new ServiceRefusedError(
      `table ${table.name} refuses the rows of a repair, ${outcome.reason}: check its constraints and materialized views, then run it again`,
    );
  return { inserted: batch.rowCount, unfit };
}
