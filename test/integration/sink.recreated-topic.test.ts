import assert from 'node:assert/strict';
import test from 'node:test';
import { connectAdmin, connectKafkajs } from '../helpers/kafka-admin.ts';
import type { Settings } from '../../core/settings/config.ts';
import { topicOf } from '../../core/stream-name.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import { assertReconciled } from '../helpers/reconciled.ts';
import { createSettings } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { createProducer, createTopics, messagesOf } from '../helpers/topic.ts';
import { waitFor } from '../helpers/wait-for.ts';

async function deleteTopic({ kafka }: Settings, topic: string): Promise<void> {
  const admin = await connectKafkajs(kafka);
  await admin.deleteTopics({ topics: [topic] });
  await waitFor('the end of the topic', async () => !(await admin.listTopics()).includes(topic));
  await admin.disconnect();
}

async function send(
  t: Parameters<typeof createProducer>[0],
  settings: Settings,
  from: number,
  to: number,
  count: number,
) {
  const producer = await createProducer(t, settings);
  const records = Array.from({ length: to - from }, (_, index) => ({
    uuid: `pl_${from + index}`,
    interval_count: count,
  }));
  await producer.send({
    topic: topicOf(settings.topicPrefix, 'plans'),
    messages: await messagesOf(settings, 'plans', records),
  });
}

const planRows = async (settings: Settings) =>
  (await rowsOf(settings, 'SELECT interval_count, count() AS n FROM plans GROUP BY 1 ORDER BY 1')).map(
    (row) => [row['interval_count'], row['n']],
  );

for (const [name, count] of [
  ['shorter', 20],
  ['longer', 200],
] as const) {
  test(`a recreated topic that is ${name} is read from its start, and its rows replace earlier ones`, async (t) => {
    const settings = createSettings(t);
    await createTopics(settings, 'plans');
    await send(t, settings, 0, 100, 1);
    await sinkStreams(settings, 'plans');
    await deleteTopic(settings, topicOf(settings.topicPrefix, 'plans'));
    await createTopics(settings, 'plans');
    await send(t, settings, 0, count, 2);
    const [counts] = await sinkStreams(settings, 'plans');
    assert.deepEqual({ failure: counts?.failure, rows: counts?.rows }, { failure: undefined, rows: count });
    assert.deepEqual(
      await planRows(settings),
      count < 100
        ? [
            [1, 80],
            [2, 20],
          ]
        : [[2, 200]],
    );
    const [again] = await sinkStreams(settings, 'plans');
    assert.equal(again?.rows, 0);
    // The table keeps rows that the topic no longer has.
    await assertReconciled(settings, ['plans'], { plans: { stray: Math.max(0, 100 - count) } });
  });
}

test('keys that move to new partitions keep their latest rows, and no message is read twice', async (t) => {
  const settings = createSettings(t);
  await createTopics(settings, 'plans');
  await send(t, settings, 0, 100, 1);
  await sinkStreams(settings, 'plans');
  const admin = await connectKafkajs(settings.kafka);
  await admin.createPartitions({
    topicPartitions: [{ topic: topicOf(settings.topicPrefix, 'plans'), count: 7 }],
  });
  await admin.disconnect();
  // A client caches the partitions of a topic for minutes, so each step uses a new client.
  await waitFor('seven partitions', async () => {
    const asking = await connectAdmin(settings);
    const offsets = await asking.topicOffsets(topicOf(settings.topicPrefix, 'plans')).catch(() => undefined);
    await asking.close();
    return offsets?.partitions.length === 7;
  });
  await send(t, settings, 0, 100, 2);
  const [counts] = await sinkStreams(settings, 'plans');
  assert.deepEqual({ failure: counts?.failure, rows: counts?.rows }, { failure: undefined, rows: 100 });
  assert.deepEqual(await planRows(settings), [[2, 100]]);
  assert.equal((await rowsOf(settings, 'SELECT DISTINCT _partition FROM plans_raw')).length, 7);
  await assertReconciled(settings, ['plans']);
});
