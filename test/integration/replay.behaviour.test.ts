import assert from 'node:assert/strict';
import test from 'node:test';
import { qualified } from '../../core/clickhouse/client.ts';
import { topicOf } from '../../core/stream-name.ts';
import { createPlans, namesOf, sendPlans, sortOtherwise } from '../helpers/named-plans.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import { command, plansTable } from '../helpers/plans-table.ts';
import { assertReconciled } from '../helpers/reconciled.ts';
import { identityOfPlans, replayPlans, shadowTables } from '../helpers/replayed.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { createProducer } from '../helpers/topic.ts';
import { waitFor } from '../helpers/wait-for.ts';

test('a replay recreates a table from its topic, without manual changes', async (t) => {
  const settings = await createPlans(t, [
    ['a', 'one'],
    ['b', 'two'],
    ['c', 'three'],
  ]);
  const producer = await createProducer(t, settings);
  await producer.send({
    topic: topicOf(settings.topicPrefix, 'plans'),
    messages: [{ key: 'c', value: null }],
  });
  await sinkStreams(settings, 'plans');
  const before = await identityOfPlans(settings);
  await command(settings, `DELETE FROM ${plansTable(settings)} WHERE uuid = 'a'`);
  assert.deepEqual(await namesOf(settings), { b: 'two' });

  const counts = await replayPlans(settings);
  assert.deepEqual(await namesOf(settings), { a: 'one', b: 'two' });
  assert.deepEqual(
    { rows: counts.rows, liveBefore: counts.liveBefore, liveAfter: counts.liveAfter },
    { rows: 4, liveBefore: 1, liveAfter: 2 },
  );
  assert.notEqual(await identityOfPlans(settings), before);
  assert.deepEqual(await shadowTables(settings), []);
  await assertReconciled(settings, ['plans']);

  // The sink resumes from the new table.
  const [again] = await sinkStreams(settings, 'plans');
  assert.equal(again?.rows, 0);
});

test('a replay from a given time keeps earlier rows and recreates later ones', async (t) => {
  const settings = await createPlans(t, [
    ['a', 'old'],
    ['b', 'old'],
  ]);
  const [row] = await rowsOf(
    settings,
    'SELECT toUnixTimestamp64Milli(max(_timestamp)) AS newest FROM plans_raw',
  );
  const from = Number(row?.['newest']) + 1;
  await waitFor('the next millisecond', () => Date.now() > from);
  await sendPlans(t, settings, [
    ['c', 'new'],
    ['d', 'new'],
  ]);
  await sinkStreams(settings, 'plans');
  await command(settings, `DELETE FROM ${plansTable(settings)} WHERE uuid IN ('a', 'c')`);
  assert.deepEqual(await namesOf(settings), { b: 'old', d: 'new' });

  const counts = await replayPlans(settings, { from });
  assert.deepEqual(await namesOf(settings), { b: 'old', c: 'new', d: 'new' });
  assert.equal(counts.rows, 2);
  const [again] = await sinkStreams(settings, 'plans');
  assert.equal(again?.rows, 0);
});

test('a replay recreates a dropped table', async (t) => {
  const settings = await createPlans(t, [['a', 'one']]);
  await command(settings, `DROP TABLE ${plansTable(settings)} SYNC`);
  const counts = await replayPlans(settings);
  assert.deepEqual(
    { liveBefore: counts.liveBefore, liveAfter: counts.liveAfter },
    { liveBefore: undefined, liveAfter: 1 },
  );
  assert.deepEqual(await namesOf(settings), { a: 'one' });
});

test('a replay omits a manual row beyond the end of the topic', async (t) => {
  const settings = await createPlans(t, [['a', 'one']]);
  await command(
    settings,
    `INSERT INTO ${plansTable(settings)} (uuid, name, _version, _deleted, _partition, _offset, _timestamp, _schema_id) ` +
      `SELECT uuid, 'by hand', _version + bitShiftLeft(toUInt128(1000), 64), 0, _partition, 99999, _timestamp + 1, _schema_id FROM ${plansTable(settings)}`,
  );
  assert.deepEqual(await namesOf(settings), { a: 'by hand' });
  await replayPlans(settings);
  assert.deepEqual(await namesOf(settings), { a: 'one' });
  await assertReconciled(settings, ['plans']);
});

test('a replay creates columns with the types of the current schema', async (t) => {
  const settings = await createPlans(t, [['a', '12']]);
  await command(settings, `ALTER TABLE ${plansTable(settings)} MODIFY COLUMN name Nullable(Int64)`);
  await replayPlans(settings);
  assert.deepEqual(await namesOf(settings), { a: '12' });
  const [column] = await rowsOf(
    settings,
    `SELECT type FROM system.columns WHERE database = currentDatabase() AND table = 'plans_raw' AND name = 'name'`,
  );
  assert.equal(column?.['type'], 'Nullable(String)');
});

test('a replay replaces a sorting key that the sink rejects with the key in the schema', async (t) => {
  const settings = await createPlans(t, [['a', 'one']]);
  await sortOtherwise(settings);
  const [refused] = await sinkStreams(settings, 'plans');
  assert.match(String(refused?.failure), /sorted by \(uuid, _offset\).*npm run replay -- --streams plans/);

  await replayPlans(settings);
  assert.deepEqual(await namesOf(settings), { a: 'one' });
  const [table] = await rowsOf(
    settings,
    `SELECT sorting_key FROM system.tables WHERE database = currentDatabase() AND name = 'plans_raw'`,
  );
  assert.match(String(table?.['sorting_key']), /^\(?uuid\)?$/);
});

test('a replay drops a leftover shadow table but keeps views and tables with similar names', async (t) => {
  const settings = await createPlans(t, [['a', 'one']]);
  const { database } = settings.clickhouse;
  const tables = ['plans_raw_shadow_mine', 'plans_raw_shadow_0123abcd'];
  for (const table of tables)
    await command(
      settings,
      `CREATE TABLE ${qualified(database, table)} (x Int8) ENGINE = MergeTree ORDER BY x`,
    );
  const view = 'plans_raw_shadow_4567abcd';
  await command(settings, `CREATE VIEW ${qualified(database, view)} AS SELECT 1 AS x`);
  await replayPlans(settings);
  assert.deepEqual(await shadowTables(settings), [view, 'plans_raw_shadow_mine']);
});

test('a replay keeps columns that other clients added', async (t) => {
  const settings = await createPlans(t, [['a', 'one']]);
  await command(
    settings,
    `ALTER TABLE ${plansTable(settings)} ADD COLUMN shout Nullable(String) MATERIALIZED upper(name), ADD COLUMN note String DEFAULT 'n'`,
  );
  await replayPlans(settings);
  const rows = await rowsOf(settings, 'SELECT uuid, shout, note FROM plans_raw');
  assert.deepEqual(rows, [{ uuid: 'a', shout: 'ONE', note: 'n' }]);
});
