import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import test, { type TestContext } from 'node:test';
import { isEqual } from '../../operations/reconcile/comparison.ts';
import { qualified } from '../../core/clickhouse/client.ts';
import type { Settings } from '../../core/settings/config.ts';
import { topicOf } from '../../core/stream-name.ts';
import { runCommand } from '../helpers/command.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import { command, plansTable } from '../helpers/plans-table.ts';
import { assertReconciled, comparisonOf } from '../helpers/reconciled.ts';
import { replayPlans } from '../helpers/replayed.ts';
import { createSettings, environmentOf } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { createProducer, createTopics, messagesOf } from '../helpers/topic.ts';

const KEYS = 30;
const LATER = 40;

/** Sinks plans `pl_00` to `pl_29`. `pl_01` was deleted, and `pl_02` was sent twice. */
async function createPlans(t: TestContext): Promise<Settings> {
  const settings = createSettings(t);
  await createTopics(settings, 'plans');
  await send(
    t,
    settings,
    Array.from({ length: KEYS }, (_, index) => [nameOf(index), index] as const),
  );
  await send(t, settings, [
    ['pl_01', null],
    ['pl_02', 200],
  ]);
  // Every partition receives later rows, so that no row above is the last of its partition.
  const later = Array.from({ length: LATER }, (_, index) => [`pl_later_${index}`, index] as const);
  await send(t, settings, later);
  await sinkStreams(settings, 'plans');
  return settings;
}

const nameOf = (index: number) => `pl_${String(index).padStart(2, '0')}`;

async function send(
  t: TestContext,
  settings: Settings,
  plans: readonly (readonly [uuid: string, count: number | null])[],
): Promise<void> {
  const producer = await createProducer(t, settings);
  const records = plans.flatMap(([uuid, count]) => (count === null ? [] : [{ uuid, interval_count: count }]));
  const made = await messagesOf(settings, 'plans', records);
  const deletes = plans.flatMap(([key, count]) => (count === null ? [{ key, value: null }] : []));
  await producer.send({ topic: topicOf(settings.topicPrefix, 'plans'), messages: [...made, ...deletes] });
}

/** Inserts a changed copy of a plan's row. */
function insertCopy(settings: Settings, uuid: string, changes: string): Promise<void> {
  const table = plansTable(settings);
  return command(
    settings,
    `INSERT INTO ${table} (uuid, interval_count, _version, _deleted, _partition, _offset, _timestamp, _schema_id) ` +
      `SELECT uuid, interval_count, _version, _deleted, _partition, _offset, _timestamp, _schema_id FROM ` +
      `(SELECT * REPLACE (${changes}) FROM (SELECT * FROM ${table} FINAL WHERE uuid = '${uuid}'))`,
  );
}

const faults: readonly (readonly [
  name: string,
  damage: (settings: Settings) => Promise<void>,
  kind: string,
  key: string,
])[] = [
  [
    'a row that was deleted by hand',
    (settings) => command(settings, `DELETE FROM ${plansTable(settings)} WHERE uuid = 'pl_07'`),
    'missing',
    'pl_07',
  ],
  [
    'a row that a later manual row hides',
    (settings) =>
      insertCopy(settings, 'pl_08', '77 AS _partition, _version + 1 AS _version, 800 AS interval_count'),
    'other',
    'pl_08',
  ],
  [
    'a manual delete',
    (settings) => insertCopy(settings, 'pl_09', '77 AS _partition, _version + 1 AS _version, 1 AS _deleted'),
    'missing',
    'pl_09',
  ],
  [
    'a row with a key that the topic lacks',
    (settings) => insertCopy(settings, 'pl_10', "'pl_zz' AS uuid, 77 AS _partition"),
    'stray',
    'pl_zz',
  ],
  [
    'a deleted key that a manual row restores',
    (settings) =>
      command(
        settings,
        `DELETE FROM ${plansTable(settings)} WHERE uuid = 'pl_01' AND _deleted = 1`,
        `INSERT INTO ${plansTable(settings)} (uuid, _version) VALUES ('pl_01', 1)`,
      ),
    'stray',
    'pl_01',
  ],
  [
    'a latest version that was deleted by hand',
    (settings) =>
      command(
        settings,
        `DELETE FROM ${plansTable(settings)} WHERE uuid = 'pl_02'`,
        `INSERT INTO ${plansTable(settings)} (uuid, _version) VALUES ('pl_02', 1)`,
      ),
    'older',
    'pl_02',
  ],
];

const highestOffsets = (settings: Settings) =>
  rowsOf(settings, 'SELECT _partition, max(_offset) FROM plans_raw GROUP BY 1 ORDER BY 1');
const plans = (settings: Settings) => rowsOf(settings, 'SELECT * FROM plans ORDER BY uuid');

test('manual changes are reported by key and repaired without moving the resume offset', async (t) => {
  const settings = await createPlans(t);
  await assertReconciled(settings, ['plans']);
  const [before, highest] = [await plans(settings), await highestOffsets(settings)];
  for (const [, damage] of faults) await damage(settings);
  const { counts, examples, keys, behind } = await comparisonOf(settings, 'plans');
  assert.deepEqual(
    examples.map(({ key, kind }) => [key, kind]),
    faults.map(([, , kind, key]) => [key, kind]).sort(([a = ''], [b = '']) => (a < b ? -1 : 1)),
  );
  assert.deepEqual(counts, { missing: 2, stray: 2, older: 1, other: 1, twice: 0 });
  assert.deepEqual({ keys, behind }, { keys: KEYS + LATER - 1, behind: 0 });
  const { repair, examples: left } = await comparisonOf(settings, 'plans', { isRepair: true });
  // Merges may have replaced correct rows with manual rows. The repair then recreates the correct
  // rows.
  const { inserted = 0, ...rest } = repair ?? {};
  assert.ok(inserted >= 3 && inserted <= 5, `${inserted} rows were inserted`);
  assert.deepEqual({ left, rest }, { left: [], rest: { deleted: 3, left: 0, remarks: [] } });
  await assertReconciled(settings, ['plans']);
  assert.deepEqual(await plans(settings), before);
  assert.deepEqual(await highestOffsets(settings), highest);
  const [again] = await sinkStreams(settings, 'plans');
  assert.equal(again?.rows, 0);
  // A second repair can insert the same rows again.
  const [, damage] = faults[0] ?? assert.fail();
  await damage(settings);
  await comparisonOf(settings, 'plans', { isRepair: true });
  await assertReconciled(settings, ['plans']);
});

test('a repair deletes a row beyond the end of the topic, so no sink resumes after it', async (t) => {
  const settings = await createPlans(t);
  const [before, highest] = [await plans(settings), await highestOffsets(settings)];
  await insertCopy(settings, 'pl_later_5', '_offset + 12 AS _offset, _version - 1 AS _version');
  const { counts, examples } = await comparisonOf(settings, 'plans');
  assert.deepEqual(counts, { missing: 0, stray: 1, older: 0, other: 0, twice: 0 });
  assert.deepEqual(examples, [{ key: 'pl_later_5', kind: 'stray' }]);
  const { repair } = await comparisonOf(settings, 'plans', { isRepair: true });
  assert.deepEqual(repair, { inserted: 0, deleted: 1, left: 0, remarks: [] });
  await assertReconciled(settings, ['plans']);
  assert.deepEqual(
    { rows: await plans(settings), offsets: await highestOffsets(settings) },
    { rows: before, offsets: highest },
  );
  // A sink would resume after the offset of the row if it still existed.
  await send(
    t,
    settings,
    Array.from({ length: 100 }, (_, index) => [`pl_last_${index}`, index] as const),
  );
  const [counted] = await sinkStreams(settings, 'plans');
  assert.equal(counted?.rows, 100);
  await assertReconciled(settings, ['plans']);
});

test('a repair deletes a manual row that is the newest of its partition', async (t) => {
  const settings = await createPlans(t);
  const [before, highest] = [await plans(settings), await highestOffsets(settings)];
  await insertCopy(
    settings,
    'pl_later_5',
    '99999 AS _offset, _version + bitShiftLeft(toUInt128(1000), 64) AS _version',
  );
  const { counts } = await comparisonOf(settings, 'plans');
  assert.deepEqual(counts, { missing: 0, stray: 0, older: 0, other: 1, twice: 0 });
  const { repair } = await comparisonOf(settings, 'plans', { isRepair: true });
  // A merge may have replaced the correct row with the manual row. The repair then recreates the
  // correct row.
  const { inserted = 0, ...rest } = repair ?? {};
  assert.ok(inserted <= 1, `${inserted} rows were inserted`);
  assert.deepEqual(rest, { deleted: 1, left: 0, remarks: [] });
  await assertReconciled(settings, ['plans']);
  assert.deepEqual(
    { rows: await plans(settings), offsets: await highestOffsets(settings) },
    { rows: before, offsets: highest },
  );
  const [again] = await sinkStreams(settings, 'plans');
  assert.equal(again?.rows, 0);
});

test('a message stored twice is reported and left to merges', async (t) => {
  const settings = await createPlans(t);
  const table = plansTable(settings);
  await command(settings, `OPTIMIZE TABLE ${table} FINAL`, `SYSTEM STOP MERGES ${table}`);
  await insertCopy(settings, 'pl_05', "'pl_05' AS uuid");
  await assertReconciled(settings, ['plans'], { plans: { twice: 1 } });
  const { repair, examples } = await comparisonOf(settings, 'plans', { isRepair: true });
  assert.deepEqual({ repair, examples }, { repair: undefined, examples: [{ key: 'pl_05', kind: 'twice' }] });
  await command(settings, `SYSTEM START MERGES ${table}`, `OPTIMIZE TABLE ${table} FINAL`);
  await assertReconciled(settings, ['plans']);
});

test('a pending dead letter has no row, and the previous row of its key is not a difference', async (t) => {
  const settings = createSettings(t);
  await createTopics(settings, 'plans');
  await send(t, settings, [
    ['pl_1', 1],
    ['pl_2', 2],
  ]);
  const producer = await createProducer(t, settings);
  const messages = ['pl_2', 'pl_3'].map((key) => ({ key, value: 'no Avro at all' }));
  await producer.send({ topic: topicOf(settings.topicPrefix, 'plans'), messages });
  const [counts] = await sinkStreams(settings, 'plans');
  assert.equal(counts?.deadLetters, 2);
  await assertReconciled(settings, ['plans']);
  const comparison = await comparisonOf(settings, 'plans');
  assert.equal(comparison.deadLetters, 2);
  assert.equal(isEqual(comparison, { deadLetters: false }), false);
});

test('a dead letter that already has its row is not a difference', async (t) => {
  const settings = createSettings(t);
  await createTopics(settings, 'plans');
  await send(t, settings, [['pl_1', 1]]);
  await sinkStreams(settings, 'plans');
  await command(
    settings,
    `ALTER TABLE ${plansTable(settings)} ADD CONSTRAINT no_13 CHECK interval_count != 13`,
  );
  await send(t, settings, [
    ['pl_1', 13],
    ['pl_2', 2],
  ]);
  const [counts] = await sinkStreams(settings, 'plans');
  assert.equal(counts?.deadLetters, 1);
  await assertReconciled(settings, ['plans']);
  // The new table has no such constraint.
  await replayPlans(settings);
  const [row] = await rowsOf(settings, `SELECT interval_count AS n FROM plans WHERE uuid = 'pl_1'`);
  assert.equal(row?.['n'], 13);
  await assertReconciled(settings, ['plans']);
});

test('reconcile reports a missing topic or table in one line, and an empty topic as equal', async (t) => {
  const settings = await createPlans(t);
  await createTopics(settings, 'tasks', 'transactions');
  await command(
    settings,
    `CREATE TABLE ${qualified(settings.clickhouse.database, 'notes_raw')} AS ${plansTable(settings)}`,
  );
  const producer = await createProducer(t, settings);
  const messages = await messagesOf(settings, 'tasks', [{ task_uuid: 't_1' }]);
  await producer.send({ topic: topicOf(settings.topicPrefix, 'tasks'), messages });
  const env = environmentOf(settings);
  const all = await runCommand(t, 'commands/reconcile.ts', [], env);
  assert.equal(all.exitCode, 1, all.stderr);
  assert.match(all.stdout, /^notes: table notes_raw has no topic test_\w+\.notes: .*$/m);
  assert.match(
    all.stdout,
    /^tasks: topic test_\w+\.tasks has no table tasks_raw: npm run sink -- --streams tasks$/m,
  );
  assert.match(all.stdout, /^transactions +0 +equal$/m);
  assert.match(all.stdout, /^plans +69 +equal +equal$/m);
  const [one, json, unknown] = await Promise.all([
    runCommand(t, 'commands/reconcile.ts', ['--streams', 'plans'], env),
    runCommand(t, 'commands/reconcile.ts', ['--streams', 'plans,tasks', '--json'], env),
    runCommand(t, 'commands/reconcile.ts', ['--streams', 'plants'], env),
  ]);
  assert.equal(one.exitCode, 0, one.stderr);
  assert.equal(json.exitCode, 1);
  const { equal, streams } = JSON.parse(json.stdout) as {
    equal: boolean;
    streams: Record<string, { equal: boolean; keys: number; faults: string[] }>;
  };
  assert.deepEqual(
    { equal, plans: streams['plans']?.equal, keys: streams['plans']?.keys, tasks: streams['tasks']?.equal },
    { equal: false, plans: true, keys: 69, tasks: false },
  );
  assert.equal(unknown.exitCode, 2);
  assert.match(unknown.stderr, /^--streams got "plants": did you mean plans\?\n$/);
});

test('reconcile drops the tables of a killed process and keeps those of a running process', async (t) => {
  const settings = await createPlans(t);
  const { database } = settings.clickhouse;
  const leave = (name: string, process: number) =>
    command(
      settings,
      `CREATE TABLE ${qualified(database, name)} (key String) ENGINE = MergeTree ORDER BY key COMMENT 'made to compare by process ${process} of ${hostname()}'`,
    );
  await leave('plans_raw_reconcile_00000001', 2 ** 22 + 1);
  await leave('plans_raw_reconcile_00000002', process.pid);
  await leave('plans_raw_reconcile_mine', 2 ** 22 + 1);
  const notOwn = `a copy of by process ${2 ** 22 + 1} of ${hostname()}`;
  await command(
    settings,
    `CREATE VIEW ${qualified(database, 'plans_raw_reconcile_00000003')} AS SELECT 1 COMMENT '${notOwn}'`,
  );
  await assertReconciled(settings, ['plans']);
  const tables = await rowsOf(
    settings,
    `SELECT name FROM system.tables WHERE database = currentDatabase() AND name LIKE '%reconcile%' ORDER BY name`,
  );
  assert.deepEqual(
    tables.map(({ name }) => name),
    ['plans_raw_reconcile_00000002', 'plans_raw_reconcile_00000003', 'plans_raw_reconcile_mine'],
  );
});

test('a dropped column is recreated, and its missing values are reported', async (t) => {
  const settings = await createPlans(t);
  await command(settings, `ALTER TABLE ${plansTable(settings)} DROP COLUMN interval_count`);
  const { repair, views } = await comparisonOf(settings, 'plans', { isRepair: true });
  assert.deepEqual(repair?.remarks, [
    'column interval_count was missing and has been added, empty in existing rows: npm run replay -- --streams plans fills it',
  ]);
  assert.deepEqual(
    views.map(({ problem }) => problem),
    [undefined],
  );
});
