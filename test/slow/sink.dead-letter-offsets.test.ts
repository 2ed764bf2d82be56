import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { qualified } from '../../core/clickhouse/client.ts';
import { topicOf } from '../../core/stream-name.ts';
import { runCommand } from '../helpers/command.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import { command } from '../helpers/plans-table.ts';
import { createSettings, environmentOf } from '../helpers/settings.ts';
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

test('redriven rows are inserted again when the table was emptied or dropped', async (t) => {
  const { settings, plan, sunk, table, stored } = await start(t);
  await plan(1, 0);
  await sunk();
  await command(settings, `ALTER TABLE ${table} ADD CONSTRAINT small CHECK interval_count < 10 OR _deleted`);
  await plan(1, 11);
  await plan(3, 12);
  assert.deepEqual(await sunk(), [0, 2]);
  assert.deepEqual(await sunk(), [0, 0]);
  await command(settings, `ALTER TABLE ${table} DROP CONSTRAINT small`);
  const redriven = await runCommand(
    t,
    'commands/dead-letters.ts',
    ['redrive', '--all'],
    environmentOf(settings),
  );
  assert.match(redriven.stdout, /^2 redriven/m, redriven.stderr);
  assert.deepEqual(await stored(), [0, 11, 12]);
  await command(settings, `TRUNCATE TABLE ${table}`);
  assert.deepEqual(await sunk(), [3, 0]);
  assert.deepEqual(await stored(), [0, 11, 12]);
  await command(settings, `DROP TABLE ${table} SYNC`);
  assert.deepEqual(await sunk(), [3, 0]);
  assert.deepEqual(await stored(), [0, 11, 12]);
});
