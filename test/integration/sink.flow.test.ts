import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { sink } from '../../consumers/run/sink.ts';
import type { SinkCounts } from '../../consumers/report/sink-counts.ts';
import { readStreamSchema } from '../../core/avro/schema-files.ts';
import { qualified } from '../../core/clickhouse/client.ts';
import type { Settings } from '../../core/settings/config.ts';
import { topicOf } from '../../core/stream-name.ts';
import { createLoad } from '../helpers/load.ts';
import { assertEachOnce, command, createUnmergedPlans } from '../helpers/plans-table.ts';
import { createProxy } from '../helpers/proxy.ts';
import { assertReconciled } from '../helpers/reconciled.ts';
import { createSettings } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { createProducer, createTopics, messagesOf } from '../helpers/topic.ts';
import { waitFor } from '../helpers/wait-for.ts';

/** Starts a sink in this process, and returns a function that stops it and returns its counts. */
function startSink(t: TestContext, settings: Settings, ...streams: string[]) {
  const stop = new AbortController();
  const running = sink(settings, { streams, untilCaughtUp: false }, stop.signal);
  running.catch(() => {});
  t.after(() => stop.abort());
  return async (): Promise<readonly SinkCounts[]> => {
    stop.abort();
    return running;
  };
}

async function storedAtLeast(settings: Settings, count: number): Promise<void> {
  await waitFor(`${count} rows`, async () => {
    const [row] = await rowsOf(settings, 'SELECT count() AS n FROM plans_raw');
    return Number(row?.['n']) >= count;
  });
}

for (const fault of ['cut', 'hang'] as const) {
  test(`a sink survives a ClickHouse outage (${fault}) without lost or duplicate rows`, async (t) => {
    const settings = createSettings(t);
    await createUnmergedPlans(settings);
    const proxy = await createProxy(t, settings.clickhouse.url);
    const load = await createLoad(t, settings, 100);
    const stop = startSink(
      t,
      { ...settings, clickhouse: { ...settings.clickhouse, url: proxy.url } },
      'plans',
    );
    await storedAtLeast(settings, 1);
    for (let time = 0; time < 3; time++) {
      proxy[fault]();
      const before = load.sent;
      await waitFor('more messages', () => load.sent > before + 1_000);
      proxy.restore();
      await storedAtLeast(settings, before);
    }
    await load.stop();
    await storedAtLeast(settings, load.sent);
    const [counts] = await stop();
    assert.equal(counts?.failure, undefined);
    if (fault === 'cut') assert.ok(Number(counts?.retries) > 0);
    await assertEachOnce(settings, load.sent);
    await assertReconciled(settings, ['plans']);
  });
}

test('a sink waits for the registry without rejecting messages, and other streams continue', async (t) => {
  const settings = createSettings(t);
  await createTopics(settings, 'plans', 'tasks');
  const proxy = await createProxy(t, settings.schemaRegistry.url);
  const producer = await createProducer(t, settings);
  const send = async (stream: string, number: number, field?: string) => {
    const known = readStreamSchema(stream);
    const fields = [
      ...known.fields,
      ...(field ? [{ name: field, type: ['null', 'string'] as const, default: null }] : []),
    ];
    const key = known.primaryKey[0] ?? '';
    const messages = await messagesOf(settings, stream, [{ [key]: `k${number}` }], { ...known, fields });
    await producer.send({ topic: topicOf(settings.topicPrefix, stream), messages });
  };
  const count = async (stream: string) =>
    Number((await rowsOf(settings, `SELECT count() AS n FROM ${stream}`))[0]?.['n']);
  await send('plans', 1);
  await send('tasks', 1);
  const away = { ...settings, schemaRegistry: { ...settings.schemaRegistry, url: proxy.url } };
  const stop = startSink(t, away, 'plans', 'tasks');
  await waitFor('plans', async () => (await count('plans').catch(() => 0)) === 1);
  await waitFor('tasks', async () => (await count('tasks').catch(() => 0)) === 1);
  proxy.cut();
  await send('plans', 2, 'seen_last');
  await send('tasks', 2);
  await waitFor('tasks while plans wait', async () => (await count('tasks')) === 2);
  assert.equal(await count('plans'), 1);
  proxy.restore();
  await waitFor('plans after the wait', async () => (await count('plans')) === 2);
  for (const { failure, deadLetters } of await stop())
    assert.deepEqual({ failure, deadLetters }, { failure: undefined, deadLetters: 0 });
  await assertReconciled(settings, ['plans', 'tasks']);
});

test('a table that is dropped while its sink runs is filled again from the beginning', async (t) => {
  const settings = createSettings(t);
  await createTopics(settings, 'plans');
  const producer = await createProducer(t, settings);
  const send = async (...numbers: number[]) =>
    producer.send({
      topic: topicOf(settings.topicPrefix, 'plans'),
      messages: await messagesOf(
        settings,
        'plans',
        numbers.map((number) => ({ uuid: `pl_${number}`, interval_count: number })),
      ),
    });
  await send(1, 2, 3);
  const stop = startSink(t, settings, 'plans');
  await waitFor(
    'the table',
    async () => (await rowsOf(settings, 'SELECT * FROM plans').catch(() => [])).length === 3,
  );
  await command(settings, `DROP TABLE ${qualified(settings.clickhouse.database, 'plans_raw')} SYNC`);
  await send(4);
  await waitFor(
    'all rows',
    async () => (await rowsOf(settings, 'SELECT * FROM plans').catch(() => [])).length === 4,
  );
  const [counts] = await stop();
  assert.equal(counts?.failure, undefined);
  await assertReconciled(settings, ['plans']);
});

test('a column that is dropped while its sink runs is recreated', async (t) => {
  const settings = createSettings(t);
  await createTopics(settings, 'plans');
  const producer = await createProducer(t, settings);
  const send = async (number: number) =>
    producer.send({
      topic: topicOf(settings.topicPrefix, 'plans'),
      messages: await messagesOf(settings, 'plans', [{ uuid: `pl_${number}`, interval_count: number }]),
    });
  await send(1);
  const stop = startSink(t, settings, 'plans');
  await waitFor(
    'the table',
    async () => (await rowsOf(settings, 'SELECT * FROM plans').catch(() => [])).length === 1,
  );
  await command(
    settings,
    `ALTER TABLE ${qualified(settings.clickhouse.database, 'plans_raw')} DROP COLUMN interval_count`,
  );
  await send(2);
  await waitFor('the row', async () => (await rowsOf(settings, 'SELECT * FROM plans_raw')).length === 2);
  await stop();
  assert.deepEqual(await rowsOf(settings, `SELECT interval_count FROM plans WHERE uuid = 'pl_2'`), [
    { interval_count: 2 },
  ]);
  await assertReconciled(settings, ['plans']);
});
