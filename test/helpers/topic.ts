import { Partitioners, type Producer } from 'kafkajs';
import type { TestContext } from 'node:test';
import { connectAdmin } from './kafka-admin.ts';
import { Registry } from '../../core/avro/registry.ts';
import { readStreamSchema } from '../../core/avro/schema-files.ts';
import type { StreamSchema } from '../../core/avro/schema.ts';
import { framed } from '../../core/avro/wire-format.ts';
import type { Settings } from '../../core/settings/config.ts';
import type { JsonObject } from '../../core/json.ts';
import { createKafka } from '../../core/kafka/client.ts';
import { subjectOf, topicOf } from '../../core/stream-name.ts';
import { RecordEncoder } from '../../producers/encode/record-encoder.ts';
import type { Message } from '../../producers/encode/message.ts';
import { noSignal } from './settings.ts';

/** Creates the topics of these streams. */
export async function createTopics(settings: Settings, ...streams: string[]): Promise<void> {
  await ensureTopics(
    settings,
    streams.map((stream) => topicOf(settings.topicPrefix, stream)),
  );
}

export async function ensureTopics(settings: Settings, topics: readonly string[]): Promise<void> {
  const admin = await connectAdmin(settings);
  await admin.ensureTopics(topics);
  await admin.close();
}

/** Connects a producer, for messages that no run of `produce` would send. */
export async function createProducer(
  t: TestContext,
  settings: Settings,
  transactionalId?: string,
): Promise<Producer> {
  const producer = createKafka(settings.kafka, 'test').producer({
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner: Partitioners.DefaultPartitioner,
    ...(transactionalId !== undefined && { transactionalId }),
  });
  await producer.connect();
  t.after(() => producer.disconnect());
  return producer;
}

/**
 * Returns the records as messages for a stream, and registers their schema. By default, this is the
 * schema in the stream's schema file.
 */
export async function messagesOf(
  settings: Settings,
  stream: string,
  records: readonly JsonObject[],
  schema: StreamSchema = readStreamSchema(stream),
): Promise<Message[]> {
  const registry = new Registry(settings.schemaRegistry, noSignal);
  const id = await registry.register(subjectOf(settings.topicPrefix, stream), schema);
  const encoder = new RecordEncoder(schema);
  return records.map((record) => {
    const encoded = encoder.encode(record);
    if (encoded.drifts !== undefined) throw new Error(`the record does not fit the schema of ${stream}`);
    return { key: encoded.key, value: framed(id, encoded.avro) };
  });
}
