import type { TestContext } from 'node:test';
import { connectKafkajs } from './kafka-admin.ts';
import { readStreamSchema } from '../../core/avro/schema-files.ts';
import { qualified } from '../../core/clickhouse/client.ts';
import type { Settings } from '../../core/settings/config.ts';
import { storageTableOf, topicOf } from '../../core/stream-name.ts';
import { sinkStreams } from './pipeline.ts';
import { command } from './plans-table.ts';
import { createSettings } from './settings.ts';
import { createProducer, messagesOf } from './topic.ts';
import { waitFor } from './wait-for.ts';

const START_MS = Date.UTC(2026, 0, 1);
export const KEYS = 10;

/**
 * A message about a plan. `seconds` is its time relative to 2026-01-01. `isDelete` turns it into a
 * tombstone, and `isPoison` gives it an invalid value.
 */
export interface Sent {
  readonly key: number;
  readonly partition: number;
  readonly seconds: number;
  readonly isDelete?: boolean;
  readonly isPoison?: boolean;
}

/** Returns messages from newest to oldest on two partitions. The keys repeat in a cycle. */
export const newestFirst = (from: number, to: number, keys = KEYS): Sent[] =>
  Array.from({ length: to - from }, (_, index) => ({
    key: (from + index) % keys,
    partition: (from + index) % 2,
    seconds: -(from + index),
  }));

export async function createOutOfOrderTopics(
  t: TestContext,
  streams: readonly string[],
  times: 'CreateTime' | 'LogAppendTime',
) {
  const settings = createSettings(t);
  const admin = await connectKafkajs(settings.kafka);
  await admin.createTopics({
    topics: streams.map((stream) => ({
      topic: topicOf(settings.topicPrefix, stream),
      numPartitions: 3,
      configEntries: [{ name: 'message.timestamp.type', value: times }],
    })),
    waitForLeaders: true,
  });
  // The broker lists a new topic a moment after its leader is known.
  const topics = streams.map((stream) => topicOf(settings.topicPrefix, stream));
  await waitFor('the topics in the list of the broker', async () => {
    const listed = await admin.listTopics();
    return topics.every((topic) => listed.includes(topic));
  });
  await admin.disconnect();
  const producer = await createProducer(t, settings);
  for (const stream of streams) await messagesOf(settings, stream, [], readStreamSchema('plans'));
  const send = async (stream: string, sent: readonly Sent[]) => {
    const records = sent.map(({ key, seconds }) => ({ uuid: `pl_${key}`, interval_count: seconds }));
    const messages = await messagesOf(settings, stream, records, readStreamSchema('plans'));
    const topic = topicOf(settings.topicPrefix, stream);
    await producer.send({
      topic,
      messages: messages.map((message, index) => {
        const { partition = 0, seconds = 0, isDelete, isPoison } = sent[index] ?? {};
        const timestamp = String(START_MS + seconds * 1000);
        const value = isDelete === true ? null : isPoison === true ? Buffer.from('{}') : message.value;
        return { ...message, value, partition, timestamp };
      }),
    });
  };
  /** Runs a sink. Returns the number of inserted rows, or the failure, by stream. */
  const sunk = async () =>
    Object.fromEntries(
      (await sinkStreams(settings, ...streams)).map(({ stream, failure, rows }) => [stream, failure ?? rows]),
    );
  const on = (statement: (table: string) => string) =>
    command(settings, ...streams.map((stream) => statement(tableOf(settings, stream))));
  return { settings, send, sunk, on };
}

export const tableOf = (settings: Settings, stream: string) =>
  qualified(settings.clickhouse.database, storageTableOf(stream));
export const optimize = (table: string) => `OPTIMIZE TABLE ${table} FINAL`;
export const counted = (streams: readonly string[], rows: number) =>
  Object.fromEntries(streams.map((stream) => [stream, rows]));
