import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { readStreamSchema } from '../../core/avro/schema-files.ts';
import type { StreamSchema } from '../../core/avro/schema.ts';
import type { JsonObject } from '../../core/json.ts';
import type { Settings } from '../../core/settings/config.ts';
import { topicOf } from '../../core/stream-name.ts';
import { sinkStreams } from './pipeline.ts';
import { createProducer, createTopics, messagesOf } from './topic.ts';

type Send = (stream: string, records: readonly JsonObject[], schema?: StreamSchema) => Promise<void>;

/** Returns a function that creates the topic of a stream and sends records to it. */
export async function createSender(t: TestContext, settings: Settings): Promise<Send> {
  const producer = await createProducer(t, settings);
  return async (stream, records, schema) => {
    await createTopics(settings, stream);
    const messages = await messagesOf(settings, stream, records, schema);
    await producer.send({ topic: topicOf(settings.topicPrefix, stream), messages });
  };
}

/** Sinks these streams, and asserts that no stream has failed. */
export async function sinkAll(settings: Settings, ...streams: string[]): Promise<void> {
  for (const { stream, failure } of await sinkStreams(settings, ...streams))
    assert.equal(failure, undefined, stream);
}

/** Returns the schema of a stream with one more nullable field. */
export function withField(stream: string, name: string): StreamSchema {
  const schema = readStreamSchema(stream);
  return { ...schema, fields: [...schema.fields, { name, type: ['null', 'long'], default: null }] };
}
