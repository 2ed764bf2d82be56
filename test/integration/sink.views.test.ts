import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readStreamSchema } from '../../core/avro/schema-files.ts';
import type { StreamSchema } from '../../core/avro/schema.ts';
import { literal, qualified } from '../../core/clickhouse/client.ts';
import type { Settings } from '../../core/settings/config.ts';
import { topicOf } from '../../core/stream-name.ts';
import { replay } from '../../operations/replay/replay.ts';
import { gatherStatus } from '../../operations/status/gather-status.ts';
import { connectKafkajs } from '../helpers/kafka-admin.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import { command } from '../helpers/plans-table.ts';
import { comparisonOf } from '../helpers/reconciled.ts';
import { createSender, sinkAll, withField } from '../helpers/sender.ts';
import { createSettings, noSignal } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { createProducer, createTopics, messagesOf } from '../helpers/topic.ts';

async function topicsOf({ kafka, topicPrefix }: Settings): Promise<string[]> {
  const admin = await connectKafkajs(kafka);
  const topics = await admin.listTopics();
  await admin.disconnect();
  return topics.filter((topic) => topic.startsWith(topicPrefix));
}

const tables = (settings: Settings) =>
  rowsOf(settings, `SELECT name FROM system.tables WHERE database = currentDatabase() ORDER BY name`);
const transactions = (settings: Settings) =>
  rowsOf(settings, 'SELECT invoice_uuid, uuid, result FROM transactions ORDER BY uuid');

const invoice = { uuid: 'inv_1', transactions: [{ uuid: 'tr_nested', result: 'failed' }] };
const nested = [{ invoice_uuid: 'inv_1', uuid: 'tr_nested', result: 'failed' }];

test('the subscriptions view shows the live rows and later fields of customer_subscriptions', async (t) => {
  const settings = createSettings(t);
  const send = await createSender(t, settings);
  await send('customer_subscriptions', [
    { id: 5322874574, customer_uuid: 'cus_1', mrr: 18100, 'start-date': '2024-11-22T17:51:46+00:00' },
    { id: 2, customer_uuid: 'cus_2' },
  ]);
  await sinkAll(settings, 'customer_subscriptions');
  const subscriptions = 'SELECT id, customer_uuid, mrr, start_date FROM subscriptions ORDER BY id';
  assert.deepEqual(await rowsOf(settings, subscriptions), [
    { id: 2, customer_uuid: 'cus_2', mrr: null, start_date: null },
    { id: 5322874574, customer_uuid: 'cus_1', mrr: 18100, start_date: '2024-11-22 17:51:46.000' },
  ]);
  const producer = await createProducer(t, settings);
  const topic = topicOf(settings.topicPrefix, 'customer_subscriptions');
  await producer.send({ topic, messages: [{ key: '2', value: null }] });
  const wider = withField('customer_subscriptions', 'seats');
  await send('customer_subscriptions', [{ id: 3, seats: 4 }], wider);
  await sinkAll(settings, 'customer_subscriptions');
  assert.deepEqual(await rowsOf(settings, 'SELECT id, seats FROM subscriptions ORDER BY id'), [
    { id: 3, seats: 4 },
    { id: 5322874574, seats: null },
  ]);
});

test('the transactions view reads from invoices if there is no transactions topic', async (t) => {
  const settings = createSettings(t);
  const send = await createSender(t, settings);
  await send('invoices', [invoice]);
  await sinkAll(settings, 'invoices', 'transactions');
  assert.deepEqual(await transactions(settings), nested);
  assert.deepEqual(await topicsOf(settings), [topicOf(settings.topicPrefix, 'invoices')]);
  assert.deepEqual(await tables(settings), [
    { name: 'invoice_line_items' },
    { name: 'invoices' },
    { name: 'invoices_raw' },
    { name: 'line_items' },
    { name: 'transactions' },
  ]);
});

test('the transactions view shows the transactions topic as soon as that topic has a schema', async (t) => {
  const settings = createSettings(t);
  const send = await createSender(t, settings);
  await send('invoices', [invoice]);
  await messagesOf(settings, 'transactions', []);
  await sinkAll(settings, 'invoices', 'transactions');
  assert.deepEqual(await transactions(settings), []);
  assert.ok((await topicsOf(settings)).includes(topicOf(settings.topicPrefix, 'transactions')));
});

test('the transactions view reads from invoices if the transactions topic is empty', async (t) => {
  const settings = createSettings(t);
  const send = await createSender(t, settings);
  await createTopics(settings, 'transactions');
  await send('invoices', [invoice]);
  await sinkAll(settings, 'invoices', 'transactions');
  assert.deepEqual(await transactions(settings), nested);
});

test('the sink updates its own views and keeps one changed by hand, which status reports', async (t) => {
  const settings = createSettings(t);
  const { database } = settings.clickhouse;
  const name = (of: string) => qualified(database, of);
  const send = await createSender(t, settings);
  await send('plans', [{ uuid: 'p' }]);
  await send('tasks', [{ task_uuid: 't' }]);
  await send('data_sources', [{ uuid: 'd' }]);
  await sinkAll(settings, 'plans', 'tasks', 'data_sources');
  const [former] = await rowsOf(
    settings,
    `SELECT as_select FROM system.tables WHERE database = currentDatabase() AND name = 'plans'`,
  );
  // Earlier releases created views without the comment and without `_changed_at`.
  const unmarked = String(former?.['as_select']).replace(', _timestamp AS _changed_at', '');
  const handMade = [
    `SELECT task_uuid, 'mine' AS whose FROM ${name('tasks_raw')} FINAL`,
    `SELECT task_uuid FROM ${name('tasks_raw')} FINAL WHERE _deleted = 0`,
    `SELECT customer_uuid, task_uuid FROM ${name('tasks_raw')} FINAL`,
  ];
  const [marked] = await rowsOf(
    settings,
    `SELECT comment FROM system.tables WHERE database = currentDatabase() AND name = 'tasks'`,
  );
  for (const [index, select] of handMade.entries()) {
    // The last view has the sink's comment, but lacks some columns.
    const comment = index === 2 ? ` COMMENT ${literal(String(marked?.['comment']))}` : '';
    await command(
      settings,
      `CREATE OR REPLACE VIEW ${name('tasks')} AS ${select}${comment}`,
      `CREATE OR REPLACE VIEW ${name('plans')} AS ${unmarked}`,
      `CREATE OR REPLACE VIEW ${name('sources')} AS SELECT * FROM ${name('data_sources')}`,
    );
    for (const stream of ['plans', 'tasks', 'data_sources'])
      await send(stream, [], withField(stream, `score_${index}`));
    await sinkAll(settings, 'plans', 'tasks', 'data_sources');
    const columns = await rowsOf(
      settings,
      `SELECT table, arraySort(groupArray(name)) AS names FROM system.columns WHERE database = currentDatabase() AND table IN ('plans', 'tasks', 'sources') GROUP BY table ORDER BY table`,
    );
    const [ofPlans, ofSources, ofTasks] = columns.map((row) => row['names'] as string[]);
    assert.ok(ofPlans?.includes(`score_${index}`), 'the sink must update a view of an earlier release');
    assert.ok(ofSources?.includes(`score_${index}`), 'the sink must update a derived view');
    assert.ok(ofTasks !== undefined && ofTasks.length <= 2, 'the sink must keep a view made by hand');
    const { warnings } = await gatherStatus(settings, ['tasks', 'plans'], noSignal);
    const [warning, ...others] = warnings.filter(({ about }) => about.startsWith('view'));
    assert.deepEqual({ about: warning?.about, others }, { about: 'view tasks', others: [] });
    assert.match(warning?.message ?? '', /created or changed by hand, so the sink does not replace it/);
    const { views } = await comparisonOf(settings, 'tasks');
    assert.match(views.find(({ view }) => view === 'tasks')?.problem ?? '', /created or changed by hand/);
  }
  await command(settings, `DROP VIEW ${name('tasks')}`);
  await sinkAll(settings, 'tasks');
  assert.equal((await rowsOf(settings, 'SELECT score_2 FROM tasks')).length, 1);
});

test('a stream whose table would have the name of a view stops, and a replay keeps the view', async (t) => {
  const settings = createSettings(t);
  const send = await createSender(t, settings);
  const schema = { ...readStreamSchema('plans'), name: 'X' };
  await send('x_raw', [{ uuid: 'of x_raw' }], schema);
  await sinkAll(settings, 'x_raw');
  await send('x', [{ uuid: 'of x' }], schema);
  const expected = /\.x_raw is a view \(View\) with the name of a storage table/;
  const [counts] = await sinkStreams(settings, 'x');
  assert.match(counts?.failure?.message ?? '', expected);
  const [replayed] = await replay(settings, { streams: ['x'], from: undefined }, noSignal);
  assert.match(replayed?.failure?.message ?? '', expected);
  assert.deepEqual(await rowsOf(settings, 'SELECT uuid FROM x_raw'), [{ uuid: 'of x_raw' }]);
});

test('a view keeps columns named like constants or keywords when the server reloads it', async (t) => {
  const settings = createSettings(t);
  const names = ['true', 'false', 'nan', 'inf', 'null', 'select'];
  const schema: StreamSchema = {
    type: 'record',
    name: 'Words',
    primaryKey: ['id'],
    fields: ['id', ...names].map((name) => ({ name, type: 'string' })),
  };
  const words = Object.fromEntries(['id', ...names].map((name) => [name, `the ${name}`]));
  const send = await createSender(t, settings);
  await send('words', [words], schema);
  await sinkStreams(settings, 'words');
  const view = qualified(settings.clickhouse.database, 'words');
  await command(settings, `DETACH TABLE ${view}`, `ATTACH TABLE ${view}`);
  const [row] = await rowsOf(settings, 'SELECT * EXCEPT (_changed_at) FROM words');
  assert.deepEqual({ ...row }, words);
});
