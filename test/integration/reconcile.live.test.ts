import assert from 'node:assert/strict';
import test from 'node:test';
import { connectAdmin } from '../helpers/kafka-admin.ts';
import { Patience } from '../../operations/reconcile/await-sink.ts';
import { compareStream } from '../../operations/reconcile/compare-stream.ts';
import { noDifferences } from '../../operations/reconcile/comparison.ts';
import { DeadLetterIndex } from '../../consumers/stream/dead-letter-index.ts';
import { Registry } from '../../core/avro/registry.ts';
import { Database } from '../../core/clickhouse/database.ts';
import type { StreamSchema } from '../../core/avro/schema.ts';
import { subjectOf, topicOf } from '../../core/stream-name.ts';
import { command } from '../helpers/plans-table.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import { assertReconciled, comparisonOf } from '../helpers/reconciled.ts';
import { createSettings, noSignal } from '../helpers/settings.ts';
import { createProducer, createTopics, messagesOf } from '../helpers/topic.ts';

test('a message that becomes a dead letter during the comparison is not a difference', async (t) => {
  const settings = createSettings(t);
  await createTopics(settings, 'plans');
  const topic = topicOf(settings.topicPrefix, 'plans');
  const producer = await createProducer(t, settings);
  const messages = await messagesOf(settings, 'plans', [{ uuid: 'pl_1' }]);
  const poison = { key: 'pl_1', value: Buffer.from('{}') };
  await producer.send({ topic, messages: [...messages, poison] });
  await sinkStreams(settings, 'plans');
  const admin = await connectAdmin(settings);
  t.after(() => admin.close());
  const database = await Database.connect(settings.clickhouse, noSignal);
  t.after(() => database.close());
  const registry = new Registry(settings.schemaRegistry, noSignal);
  const { comparison } = await compareStream(
    { settings, admin, registry, database, signal: noSignal },
    { stream: 'plans', hasTopic: true, hasTable: true },
    {
      // The index is empty, as if it had been read before the dead letter was sent.
      rejected: new DeadLetterIndex(settings.topicPrefix),
      progress: { stream: 'plans', doing: '', read: 0, messages: 0 },
      patience: new Patience(),
    },
  );
  assert.deepEqual(
    { counts: comparison.counts, behind: comparison.behind },
    { counts: noDifferences(), behind: 0 },
  );
});

test('messages that no sink has read are reported, and a repair leaves them to the sink', async (t) => {
  const settings = createSettings(t);
  await createTopics(settings, 'plans');
  const topic = topicOf(settings.topicPrefix, 'plans');
  const producer = await createProducer(t, settings);
  const send = async (uuid: string) =>
    producer.send({ topic, messages: await messagesOf(settings, 'plans', [{ uuid }]) });
  await send('pl_1');
  await sinkStreams(settings, 'plans');
  for (const uuid of ['pl_2', 'pl_3', 'pl_2']) await send(uuid);
  await producer.send({ topic, messages: [{ key: 'pl_none', value: null }] });
  const { counts, behind } = await comparisonOf(settings, 'plans');
  assert.deepEqual({ missing: counts.missing, behind }, { missing: 2, behind: 4 });
  const { repair, counts: after } = await comparisonOf(settings, 'plans', { isRepair: true });
  assert.deepEqual(repair, { inserted: 0, deleted: 0, left: 2, remarks: [] });
  assert.equal(after.missing, 2);
  const [sunk] = await sinkStreams(settings, 'plans');
  assert.equal(sunk?.rows, 4);
  await assertReconciled(settings, ['plans']);
});

test('keys of every type, and rows of a stream without a primary key, match their messages', async (t) => {
  const settings = createSettings(t);
  await createTopics(settings, 'metrics_mrr', 'plan_group_plans', 'loose');
  const producer = await createProducer(t, settings);
  const streams = {
    metrics_mrr: [
      { date: '1900-01-01', interval: 'month' },
      { date: '2199-12-31', interval: "it's\\ \n ü" },
    ],
    plan_group_plans: [
      { plan_group_uuid: 'a', uuid: 'b|c' },
      { plan_group_uuid: '', uuid: '' },
    ],
    customer_subscriptions: [{ id: -(2 ** 52) }, { id: 9007199254740993n }, { id: 0 }],
  };
  await createTopics(settings, ...Object.keys(streams));
  for (const [stream, records] of Object.entries(streams)) {
    const messages = await messagesOf(settings, stream, records);
    await producer.send({ topic: topicOf(settings.topicPrefix, stream), messages });
  }
  // The schema does not name a primary key, so each message is a row.
  const loose: Omit<StreamSchema, 'primaryKey'> = {
    type: 'record',
    name: 'Loose',
    fields: [{ name: 'n', type: 'long' }],
  };
  const registry = new Registry(settings.schemaRegistry, noSignal);
  const id = await registry.register(subjectOf(settings.topicPrefix, 'loose'), loose as StreamSchema);
  await producer.send({
    topic: topicOf(settings.topicPrefix, 'loose'),
    messages: [1, 1, 2].map((n, index) => ({ key: `k${index}`, value: framedLong(id, n) })),
  });
  const names = [...Object.keys(streams), 'loose'];
  for (const { failure } of await sinkStreams(settings, ...names)) assert.equal(failure, undefined);
  await assertReconciled(settings, names);
  await command(settings, `DELETE FROM ${settings.clickhouse.database}.loose_raw WHERE n = 1`);
  const { counts, keys } = await comparisonOf(settings, 'loose');
  assert.deepEqual({ missing: counts.missing, keys }, { missing: 2, keys: 3 });
});

/** Encodes a message whose only field is a small number. */
function framedLong(id: number, value: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUInt32BE(id, 1);
  bytes[5] = value * 2;
  return bytes;
}
