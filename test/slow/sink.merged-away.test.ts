import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { connectKafkajs } from '../helpers/kafka-admin.ts';
import { readStreamSchema } from '../../core/avro/schema-files.ts';
import { qualified } from '../../core/clickhouse/client.ts';
import type { Settings } from '../../core/settings/config.ts';
import { storageTableOf, topicOf } from '../../core/stream-name.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import { command } from '../helpers/plans-table.ts';
import { createSettings } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { createProducer, messagesOf } from '../helpers/topic.ts';

const START_MS = Date.UTC(2026, 0, 1);
const KEYS = 10;

/** A message of a plan; `seconds` is its time, `isDelete` makes a tombstone of it. */
interface Sent {
  readonly key: number;
  readonly partition: number;
  readonly seconds: number;
  readonly isDelete?: boolean;
  readonly isPoison?: boolean;
}

/** Newest first: each key again and again, on two partitions. */
const newestFirst = (from: number, to: number, keys = KEYS): Sent[] =>
  Array.from({ length: to - from }, (_, index) => ({
    key: (from + index) % keys,
    partition: (from + index) % 2,
    seconds: -(from + index),
  }));

async function start(t: TestContext, streams: readonly string[], times: 'CreateTime' | 'LogAppendTime') {
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
  /** Rows that a sink inserts, by stream. */
  const sunk = async () =>
    Object.fromEntries(
      (await sinkStreams(settings, ...streams)).map(({ stream, failure, rows }) => [stream, failure ?? rows]),
    );
  const on = (statement: (table: string) => string) =>
    command(settings, ...streams.map((stream) => statement(tableOf(settings, stream))));
  return { settings, send, sunk, on };
}

const tableOf = (settings: Settings, stream: string) =>
  qualified(settings.clickhouse.database, storageTableOf(stream));
const optimize = (table: string) => `OPTIMIZE TABLE ${table} FINAL`;
const counted = (streams: readonly string[], rows: number) =>
  Object.fromEntries(streams.map((stream) => [stream, rows]));

test('a table that was restored from an older backup, or lost rows, gets them again', async (t) => {
  const later: Readonly<Record<string, readonly Sent[]>> = {
    other_keys: newestFirst(50, 100).map((sent) => ({ ...sent, key: sent.key + KEYS })),
    // Of one partition every key has a later row.
    another_key_last: [...newestFirst(50, 99), { key: 99, partition: 2, seconds: 0 }],
    newer: newestFirst(0, 50).map((sent) => ({ ...sent, seconds: 100 + sent.seconds })),
    deleted_then_older: [{ key: 3, partition: 1, seconds: 50, isDelete: true }, ...newestFirst(50, 99)],
    // Older, deleted, and there again.
    deleted_then_back: [
      ...newestFirst(50, 98),
      { key: 5, partition: 1, seconds: 50, isDelete: true },
      { key: 5, partition: 1, seconds: 200 },
    ],
    // Nothing but the table's parts tells that these rows were never in it.
    only_older: newestFirst(50, 100),
  };
  const streams = Object.keys(later).sort();
  const { settings, send, sunk, on } = await start(t, streams, 'CreateTime');
  for (const stream of streams) await send(stream, newestFirst(0, 50));
  assert.deepEqual(await sunk(), counted(streams, 50));
  const backupOf = (table: string) => table.replace('_raw', '_backup');
  await on((table) => `CREATE TABLE ${backupOf(table)} AS ${table}`);
  await on((table) => `ALTER TABLE ${backupOf(table)} ATTACH PARTITION ID 'all' FROM ${table}`);
  for (const stream of streams) await send(stream, later[stream] ?? []);
  assert.deepEqual(await sunk(), counted(streams, 50));
  await on(optimize);
  assert.deepEqual(await sunk(), counted(streams, 0));
  for (const isMerged of [false, true]) {
    if (isMerged) await on((table) => optimize(backupOf(table)));
    await on((table) => `TRUNCATE TABLE ${table}`);
    await on((table) => `ALTER TABLE ${table} ATTACH PARTITION ID 'all' FROM ${backupOf(table)}`);
    // What the backup has lost to merges itself comes with them.
    const again = await sunk();
    for (const stream of streams) assert.equal(again[stream], isMerged ? 90 : 50, `${stream} ${isMerged}`);
    await on(optimize);
    assert.deepEqual(await sunk(), counted(streams, 0));
  }
  // Its messages are of an earlier schema than the topic's by now.
  const plans = readStreamSchema('plans');
  const fields = [...plans.fields, { name: 'more', type: ['null', 'string'], default: null }] as const;
  await messagesOf(settings, 'newer', [], { ...plans, fields });
  await on((table) => `ALTER TABLE ${table} DELETE WHERE uuid = 'pl_5' SETTINGS mutations_sync = 2`);
  const mended = await sunk();
  for (const stream of ['only_older', 'deleted_then_older', 'deleted_then_back', 'newer']) {
    assert.ok(Number(mended[stream]) > 0, stream);
    const found = `SELECT count() > 0 AS found FROM ${tableOf(settings, stream)} WHERE uuid = 'pl_5'`;
    assert.deepEqual(await rowsOf(settings, found), [{ found: 1 }]);
  }
});
