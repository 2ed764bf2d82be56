import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { gatherStatus } from '../../operations/status/gather-status.ts';
import { replay } from '../../operations/replay/replay.ts';
import { topicOf } from '../../core/stream-name.ts';
import { createClickHouseFront } from '../helpers/clickhouse-front.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import { command } from '../helpers/plans-table.ts';
import { comparisonOf } from '../helpers/reconciled.ts';
import { createSettings, noSignal } from '../helpers/settings.ts';
import { createProducer, createTopics, messagesOf } from '../helpers/topic.ts';

/**
 * The rights that the server requires for each kind of statement, from its documentation of GRANT.
 */
const wanted: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^CREATE DATABASE /, ['CREATE DATABASE']],
  [/^CREATE TABLE /, ['CREATE TABLE']],
  [/^CREATE VIEW /, ['CREATE VIEW', 'SELECT']],
  [/^CREATE OR REPLACE VIEW /, ['CREATE VIEW', 'DROP VIEW', 'SELECT']],
  [/^DROP TABLE /, ['DROP TABLE']],
  [/^(EXCHANGE|RENAME) TABLE/, ['SELECT', 'INSERT', 'CREATE TABLE', 'DROP TABLE']],
  [/^DELETE FROM /, ['ALTER DELETE', 'SELECT']],
  [/^INSERT INTO [^;]* SELECT /s, ['INSERT', 'SELECT']],
  [/^INSERT INTO /, ['INSERT']],
  [/^\(?\s*(SELECT|WITH|DESCRIBE) /, ['SELECT']],
];
const actions = ['ADD COLUMN', 'MODIFY COLUMN', 'ADD CONSTRAINT', 'DROP CONSTRAINT'];

function rightsFor(statement: string): readonly string[] {
  if (statement.startsWith('ALTER TABLE ')) {
    const all = actions.filter((action) => statement.includes(`${action} `));
    assert.ok(all.length > 0, statement.slice(0, 200));
    return all.map((action) => `ALTER ${action}`);
  }
  const kind = wanted.find(([pattern]) => pattern.test(statement));
  assert.ok(kind, `a statement with unknown rights: ${statement.slice(0, 200)}`);
  return kind[1];
}

test('the documented rights are exactly those that sink, replay and reconcile require', async (t) => {
  const shared = createSettings(t);
  const front = await createClickHouseFront(t, shared.clickhouse.url);
  const settings = { ...shared, clickhouse: { ...shared.clickhouse, url: front.url } };
  await createTopics(settings, 'plans');
  const producer = await createProducer(t, settings);
  const topic = topicOf(settings.topicPrefix, 'plans');
  const send = async (...uuids: string[]) =>
    producer.send({
      topic,
      messages: await messagesOf(
        settings,
        'plans',
        uuids.map((uuid) => ({ uuid })),
      ),
    });
  await send('a', 'b', 'c');
  await sinkStreams(settings, 'plans');
  const database = `\`${settings.clickhouse.database}\``;
  // A column to add, a column to widen, and a view that fails.
  await command(
    shared,
    `ALTER TABLE ${database}.plans_raw DROP COLUMN name, MODIFY COLUMN interval_count Nullable(Int32)`,
    `CREATE TABLE ${database}.f (f String) ENGINE = MergeTree ORDER BY f`,
    `CREATE MATERIALIZED VIEW ${database}.mv TO ${database}.f AS SELECT toString(throwIf(1)) AS f FROM ${database}.plans_raw`,
  );
  await send('d');
  const [counts] = await sinkStreams(settings, 'plans');
  assert.match(counts?.failure?.message ?? '', /materialized view/);
  await command(
    shared,
    `DROP VIEW ${database}.mv`,
    `DELETE FROM ${database}.plans_raw WHERE uuid = 'a'`,
    `INSERT INTO ${database}.plans_raw (uuid, _version, _offset) VALUES ('z', 1, 0)`,
  );
  await sinkStreams(settings, 'plans');
  await comparisonOf(settings, 'plans', { isRepair: true });
  const [replayed] = await replay(settings, { streams: ['plans'], from: undefined }, noSignal);
  assert.equal(replayed?.failure, undefined);
  assert.deepEqual((await gatherStatus(settings, undefined, noSignal)).failures, []);

  const needed = new Set(front.statements.flatMap(rightsFor));
  const docs = readFileSync('docs/how-to/clickhouse-rights.md', 'utf8');
  const granted = [...docs.matchAll(/^GRANT (.*?) ON /gm)].flatMap(([, list = '']) => list.split(', '));
  assert.deepEqual(
    [...needed].filter((right) => !granted.includes(right)),
    [],
  );
  const unused = granted.filter((right) => !needed.has(right) && !['CLUSTER', 'REMOTE'].includes(right));
  assert.deepEqual(unused, []);
  const tables = front.statements.flatMap((statement) =>
    [...statement.matchAll(/\bsystem\.(\w+)/g)].map(([, name]) => name),
  );
  for (const name of new Set(tables)) assert.ok(docs.includes(`system.${name}`), name);
});
