import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { connectKafkajs } from '../helpers/kafka-admin.ts';
import { sinkGroupOf } from '../../consumers/run/sink-group.ts';
import { readStreamSchema } from '../../core/avro/schema-files.ts';
import { qualified } from '../../core/clickhouse/client.ts';
import type { Settings } from '../../core/settings/config.ts';
import { topicOf } from '../../core/stream-name.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import { command } from '../helpers/plans-table.ts';
import { createSettings } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { createProducer, createTopics, messagesOf } from '../helpers/topic.ts';

const plans = (...numbers: number[]) =>
  numbers.map((number) => ({ uuid: `pl_${number}`, interval_count: number }));
const planRows = (settings: Settings) =>
  rowsOf(settings, 'SELECT uuid, interval_count FROM plans ORDER BY uuid');

/** Creates the topic of a stream, and a producer. */
async function openTopic(t: TestContext, settings: Settings, stream: string) {
  await createTopics(settings, stream);
  return { topic: topicOf(settings.topicPrefix, stream), producer: await createProducer(t, settings) };
}

test('a tombstone hides the row, and a later record restores it', async (t) => {
  const settings = createSettings(t);
  const { producer, topic } = await openTopic(t, settings, 'plans');
  await producer.send({ topic, messages: await messagesOf(settings, 'plans', plans(1, 2)) });
  await sinkStreams(settings, 'plans');
  await producer.send({ topic, messages: [{ key: 'pl_1', value: null }] });
  await sinkStreams(settings, 'plans');
  assert.deepEqual(await planRows(settings), [{ uuid: 'pl_2', interval_count: 2 }]);
  await producer.send({
    topic,
    messages: await messagesOf(settings, 'plans', [{ uuid: 'pl_1', interval_count: 9 }]),
  });
  await sinkStreams(settings, 'plans');
  assert.deepEqual(await planRows(settings), [
    { uuid: 'pl_1', interval_count: 9 },
    { uuid: 'pl_2', interval_count: 2 },
  ]);
});

test('a tombstone with an integer key deletes its row', async (t) => {
  const settings = createSettings(t);
  const { producer, topic } = await openTopic(t, settings, 'subscription_events');
  const messages = await messagesOf(settings, 'subscription_events', [
    { id: 5322874574 },
    { id: 2n ** 62n + 1n },
  ]);
  await producer.send({ topic, messages });
  await producer.send({ topic, messages: [{ key: '5322874574', value: null }] });
  await sinkStreams(settings, 'subscription_events');
  assert.deepEqual(await rowsOf(settings, 'SELECT id FROM subscription_events'), [{ id: 2n ** 62n + 1n }]);
});

test('the latest version of a key becomes the row', async (t) => {
  const settings = createSettings(t);
  const { producer, topic } = await openTopic(t, settings, 'plans');
  for (const count of [1, 2, 3]) {
    await producer.send({
      topic,
      messages: await messagesOf(settings, 'plans', [{ uuid: 'pl_1', interval_count: count }]),
    });
  }
  await sinkStreams(settings, 'plans');
  assert.deepEqual(await planRows(settings), [{ uuid: 'pl_1', interval_count: 3 }]);
});

test('a sink commits its offsets but resumes from the table and ignores committed offsets', async (t) => {
  const settings = createSettings(t);
  const { producer, topic } = await openTopic(t, settings, 'plans');
  await producer.send({ topic, messages: await messagesOf(settings, 'plans', plans(1, 2, 3, 4, 5)) });
  const [first] = await sinkStreams(settings, 'plans');
  const [second] = await sinkStreams(settings, 'plans');
  assert.deepEqual({ first: first?.rows, second: second?.rows }, { first: 5, second: 0 });

  const admin = await connectKafkajs(settings.kafka);
  const groupId = sinkGroupOf(settings);
  const offsets = async () => (await admin.fetchOffsets({ groupId, topics: [topic] }))[0]?.partitions ?? [];
  const ends = await admin.fetchTopicOffsets(topic);
  for (const { partition, high } of ends) {
    const committed = (await offsets()).find((of) => of.partition === partition);
    if (high !== '0') assert.equal(committed?.offset, high);
  }
  for (const offset of ['0']) {
    await admin.setOffsets({
      groupId,
      topic,
      partitions: ends.map(({ partition }) => ({ partition, offset })),
    });
    const [again] = await sinkStreams(settings, 'plans');
    assert.deepEqual({ failure: again?.failure, rows: again?.rows }, { failure: undefined, rows: 0 });
  }
  await producer.send({ topic, messages: await messagesOf(settings, 'plans', plans(6)) });
  await admin.setOffsets({
    groupId,
    topic,
    partitions: ends.map(({ partition }) => ({ partition, offset: '9' })),
  });
  await sinkStreams(settings, 'plans');
  await admin.disconnect();
  assert.deepEqual(await planRows(settings), plans(1, 2, 3, 4, 5, 6));
});

test('only committed transactions are sunk, and transaction markers do not block the sink', async (t) => {
  const settings = createSettings(t);
  await createTopics(settings, 'plans');
  const producer = await createProducer(t, settings, `${settings.topicPrefix}transactions`);
  const topic = topicOf(settings.topicPrefix, 'plans');
  const committed = await producer.transaction();
  await committed.send({ topic, messages: await messagesOf(settings, 'plans', plans(1)) });
  await committed.commit();
  const aborted = await producer.transaction();
  await aborted.send({ topic, messages: await messagesOf(settings, 'plans', plans(2, 3, 4, 5, 6)) });
  await aborted.abort();
  await sinkStreams(settings, 'plans');
  assert.deepEqual(await planRows(settings), plans(1));
  const [again] = await sinkStreams(settings, 'plans');
  assert.equal(again?.rows, 0);
});

test('a column that cannot store its field stops the stream, and the error names both types', async (t) => {
  const settings = createSettings(t);
  const { database } = settings.clickhouse;
  await createTopics(settings, 'plans');
  const producer = await createProducer(t, settings);
  await producer.send({
    topic: topicOf(settings.topicPrefix, 'plans'),
    messages: await messagesOf(settings, 'plans', plans(1)),
  });
  await command(
    settings,
    `CREATE DATABASE ${database}`,
    `CREATE TABLE ${qualified(database, 'plans_raw')} (uuid String, interval_count Nullable(String)) ENGINE = MergeTree ORDER BY uuid`,
  );
  const [counts] = await sinkStreams(settings, 'plans');
  assert.match(
    counts?.failure?.message ?? '',
    /plans_raw\.interval_count is Nullable\(String\).*needs Nullable\(Int64\): run npm run replay -- --streams plans /,
  );
});

test('columns that other clients have added do not stop the sink', async (t) => {
  const settings = createSettings(t);
  const { producer, topic } = await openTopic(t, settings, 'plans');
  await producer.send({ topic, messages: await messagesOf(settings, 'plans', plans(1)) });
  await sinkStreams(settings, 'plans');
  const table = qualified(settings.clickhouse.database, 'plans_raw');
  await command(
    settings,
    `ALTER TABLE ${table} ADD COLUMN mine Map(String, String), ADD COLUMN twice Int64 MATERIALIZED 2`,
  );
  await producer.send({ topic, messages: await messagesOf(settings, 'plans', plans(2)) });
  const [counts] = await sinkStreams(settings, 'plans');
  assert.equal(counts?.failure, undefined);
  assert.deepEqual(await planRows(settings), plans(1, 2));
});

test('messages with an older schema fit into a wider table', async (t) => {
  const settings = createSettings(t);
  const { producer, topic } = await openTopic(t, settings, 'plans');
  const old = readStreamSchema('plans');
  const older = await messagesOf(settings, 'plans', plans(1), old);
  const wider = {
    ...old,
    fields: [...old.fields, { name: 'seats', type: ['null', 'long'], default: null } as const],
  };
  await producer.send({
    topic,
    messages: await messagesOf(settings, 'plans', [{ uuid: 'pl_2', seats: 4 }], wider),
  });
  await sinkStreams(settings, 'plans');
  await producer.send({ topic, messages: older });
  await sinkStreams(settings, 'plans');
  assert.deepEqual(await rowsOf(settings, 'SELECT uuid, seats FROM plans ORDER BY uuid'), [
    { uuid: 'pl_1', seats: null },
    { uuid: 'pl_2', seats: 4 },
  ]);
});

test('every column of a storage table has a comment', async (t) => {
  const settings = createSettings(t);
  await createTopics(settings, 'invoices');
  await messagesOf(settings, 'invoices', []);
  await sinkStreams(settings, 'invoices');
  const bare = await rowsOf(
    settings,
    `SELECT name FROM system.columns WHERE database = currentDatabase() AND table = 'invoices_raw' AND comment = ''`,
  );
  assert.deepEqual(bare, []);
});

test('a sink that starts before any message was produced ends without rows or failures', async (t) => {
  const counts = await sinkStreams(createSettings(t));
  assert.deepEqual(
    counts.filter(({ rows, failure }) => rows > 0 || failure !== undefined),
    [],
  );
});

test('on a topic with broker timestamps, the later message becomes the row', async (t) => {
  const settings = createSettings(t);
  const { producer, topic } = await openTopic(t, settings, 'plans');
  for (const [count, timestamp] of [
    [1, '4000000000000'],
    [2, '1000000000000'],
  ] as const) {
    const [message] = await messagesOf(settings, 'plans', [{ uuid: 'pl_1', interval_count: count }]);
    assert.ok(message);
    await producer.send({ topic, messages: [{ ...message, timestamp }] });
  }
  await sinkStreams(settings, 'plans');
  assert.deepEqual(await planRows(settings), [{ uuid: 'pl_1', interval_count: 2 }]);
});

test('a failed stream does not prevent the sink from filling the tables of other streams', async (t) => {
  const settings = createSettings(t);
  await createTopics(settings, 'plans', 'tasks');
  const { database } = settings.clickhouse;
  const producer = await createProducer(t, settings);
  await producer.send({
    topic: topicOf(settings.topicPrefix, 'plans'),
    messages: await messagesOf(settings, 'plans', plans(1)),
  });
  await producer.send({
    topic: topicOf(settings.topicPrefix, 'tasks'),
    messages: await messagesOf(settings, 'tasks', [{ task_uuid: 't1' }]),
  });
  await command(
    settings,
    `CREATE DATABASE ${database}`,
    `CREATE TABLE ${qualified(database, 'tasks_raw')} (task_uuid Array(String)) ENGINE = MergeTree ORDER BY tuple()`,
  );
  const counts = await sinkStreams(settings, 'plans', 'tasks');
  const failures = counts.map(({ stream, failure }) => [
    stream,
    failure?.message.includes('tasks_raw.task_uuid'),
  ]);
  assert.deepEqual(failures, [
    ['plans', undefined],
    ['tasks', true],
  ]);
  assert.deepEqual(await planRows(settings), plans(1));
});

test('another database is filled from the beginning of the topics', async (t) => {
  const settings = createSettings(t);
  const { producer, topic } = await openTopic(t, settings, 'plans');
  await producer.send({ topic, messages: await messagesOf(settings, 'plans', plans(1, 2)) });
  await sinkStreams(settings, 'plans');
  const other = {
    ...settings,
    clickhouse: { ...settings.clickhouse, database: `${settings.clickhouse.database}_2` },
  };
  t.after(() => command(other, `DROP DATABASE ${other.clickhouse.database}`));
  await sinkStreams(other, 'plans');
  assert.deepEqual(await planRows(other), plans(1, 2));
});
