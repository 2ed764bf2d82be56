import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { qualified } from '../../core/clickhouse/client.ts';
import { topicOf } from '../../core/stream-name.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import { createSettings } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { createProducer, createTopics, messagesOf } from '../helpers/topic.ts';

/** Plans on their topic, each on its given partition, and bad messages. */
async function start(t: TestContext) {
  const settings = createSettings(t);
  await createTopics(settings, 'plans');
  const producer = await createProducer(t, settings);
  const topic = topicOf(settings.topicPrefix, 'plans');
  const poison = async (partition: number) =>
    producer.send({ topic, messages: [{ key: 'poison', value: Buffer.from('{}'), partition }] });
  const plan = async (partition: number, number: number) => {
    const messages = await messagesOf(settings, 'plans', [{ uuid: `pl_${number}`, interval_count: number }]);
    await producer.send({ topic, messages: messages.map((message) => ({ ...message, partition })) });
  };
  /** Rows and dead letters of one sink. */
  const sunk = async () => {
    const [counts] = await sinkStreams(settings, 'plans');
    assert.equal(counts?.failure, undefined);
    return [counts?.rows, counts?.deadLetters];
  };
  const table = qualified(settings.clickhouse.database, 'plans_raw');
  const stored = async () =>
    (await rowsOf(settings, 'SELECT interval_count AS n FROM plans ORDER BY n')).map(({ n }) => n);
  return { settings, poison, plan, sunk, table, stored };
}

test('later sinks skip the dead letters that a sink has committed after the last rows', async (t) => {
  const { poison, plan, sunk } = await start(t);
  // One partition has only dead letters, another has dead letters after a row.
  await poison(0);
  await poison(0);
  await plan(1, 1);
  await poison(1);
  assert.deepEqual(await sunk(), [1, 3]);
  assert.deepEqual(await sunk(), [0, 0]);
  await poison(0);
  await plan(0, 2);
  await poison(0);
  assert.deepEqual(await sunk(), [1, 2]);
  assert.deepEqual(await sunk(), [0, 0]);
  await plan(1, 3);
  assert.deepEqual(await sunk(), [1, 0]);
});

test('a topic of dead letters is rejected once, and sunk when a schema describes it', async (t) => {
  const { poison, sunk, plan, stored } = await start(t);
  await poison(2);
  assert.deepEqual(await sunk(), [0, 1]);
  assert.deepEqual(await sunk(), [0, 0]);
  await plan(2, 1);
  // A table exists now, so rejected messages may become its rows.
  const [rows] = await sunk();
  assert.equal(rows, 1);
  assert.deepEqual(await stored(), [1]);
  assert.deepEqual(await sunk(), [0, 0]);
});
