import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { gatherStatus } from '../../operations/status/gather-status.ts';
import { replay } from '../../operations/replay/replay.ts';
import type { Settings } from '../../core/settings/config.ts';
import type { ReconcileState } from '../../dashboard/api/reconcile.ts';
import { topicOf } from '../../core/stream-name.ts';
import { runCommand } from '../helpers/command.ts';
import { createDashboard, endOf } from '../helpers/dashboard.ts';
import { callTool, startMcp } from '../helpers/mcp.ts';
import { endServer, startRestrictedServer, type OwnServer } from '../helpers/own-clickhouse.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import { command } from '../helpers/plans-table.ts';
import { comparisonOf } from '../helpers/reconciled.ts';
import { createSettings, environmentOf, noSignal } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { createProducer, createTopics, messagesOf } from '../helpers/topic.ts';

/** All privileges except access to files and other hosts, which a local server never has. */
const everything = ['GRANT ALL ON *.*', 'REVOKE SOURCES ON *.*'];

/**
 * Returns the grants in docs/how-to/clickhouse-rights.md for a single server and this database,
 * keyed by first right and object.
 */
function grantsInDocs(database: string): Map<string, string> {
  const lines = readFileSync('docs/how-to/clickhouse-rights.md', 'utf8').matchAll(
    /^(GRANT (.*?) ON (.*?)) TO etl;/gm,
  );
  return new Map(
    [...lines]
      .filter(([, , rights]) => rights !== 'CLUSTER, REMOTE')
      .map(([, grant = '', rights = '', on = '']) => [
        `${rights.split(',')[0] ?? ''} ${on}`,
        grant.replace('chartmogul.', `${database}.`),
      ]),
  );
}

test('a user with exactly the documented rights can sink, repair, replay, query and export', async (t) => {
  const shared = createSettings(t);
  const { database } = shared.clickhouse;
  const folder = await mkdtemp(join(tmpdir(), 'chartmogul-rights-'));
  const servers: OwnServer[] = [];
  const serve = async (grants: readonly string[]): Promise<Settings> => {
    for (const server of servers.splice(0)) await endServer(server, 'SIGTERM');
    // By default, a server does not require the right TABLE ENGINE, but the local server does.
    const server = await startRestrictedServer(folder, [...grants, 'GRANT TABLE ENGINE ON *']);
    servers.push(server);
    return { ...shared, clickhouse: { ...shared.clickhouse, url: server.url, credentials: undefined } };
  };
  t.after(async () => {
    for (const server of servers) await endServer(server, 'SIGKILL');
    await rm(folder, { recursive: true, force: true });
  });
  const grants = grantsInDocs(database);
  assert.equal(grants.size, 5);
  const withoutDatabase = [...grants].filter(([key]) => !key.startsWith('CREATE DATABASE'));

  const admin = await serve(everything);
  await command(admin, `CREATE DATABASE ${database}`);

  await createTopics(shared, 'plans');
  const producer = await createProducer(t, shared);
  const send = async (...uuids: string[]) =>
    producer.send({
      topic: topicOf(shared.topicPrefix, 'plans'),
      messages: await messagesOf(
        shared,
        'plans',
        uuids.map((uuid) => ({ uuid })),
      ),
    });
  await send('a', 'b', 'c');

  // The database exists, and this user is not allowed to create databases.
  const settings = await serve(withoutDatabase.map(([, grant]) => grant));
  const [first] = await sinkStreams(settings, 'plans');
  assert.deepEqual({ failure: first?.failure, rows: first?.rows }, { failure: undefined, rows: 3 });
  await assert.rejects(command(settings, `CREATE DATABASE ${database}_other`), /Not enough privileges/);

  // A difference to repair.
  await command(settings, `DELETE FROM ${database}.plans_raw WHERE uuid = 'a'`);
  await comparisonOf(settings, 'plans', { isRepair: true });
  assert.deepEqual(await rowsOf(settings, 'SELECT uuid FROM plans ORDER BY uuid'), [
    { uuid: 'a' },
    { uuid: 'b' },
    { uuid: 'c' },
  ]);
  const [replayed] = await replay(settings, { streams: ['plans'], from: undefined }, noSignal);
  assert.equal(replayed?.failure, undefined);
  assert.deepEqual((await gatherStatus(settings, ['plans'], noSignal)).failures, []);

  const deleteOne = () => command(settings, `DELETE FROM ${database}.plans_raw WHERE uuid = 'a'`);
  await t.test('the dashboard reads, queries and repairs', async (t) => {
    const dashboard = await createDashboard(t, settings);
    for (const path of ['columns', 'rows']) await dashboard.get(`/api/streams/plans/${path}`);
    await dashboard.get('/api/sql/names');
    await dashboard.post('/api/sql/run', { sql: 'SELECT count() FROM plans' });
    await deleteOne();
    await dashboard.post('/api/reconcile', { streams: ['plans'], comparesSource: false, isRepair: true });
    const { job } = await endOf(
      () => dashboard.get<ReconcileState>('/api/reconcile'),
      (state) => state.job.state === 'running',
    );
    assert.equal(job.result?.streams['plans']?.repair?.inserted, 1, JSON.stringify(job));
  });

  await t.test('MCP tools that read ClickHouse respond', async (t) => {
    const { client } = await startMcp(t, environmentOf(settings));
    for (const [name, args] of [
      ['list_streams', {}],
      ['get_stream', { stream: 'plans' }],
      ['list_tables', {}],
      ['get_table_schema', { table: 'plans' }],
      ['preview_table', { table: 'plans' }],
      ['count_rows', { table: 'plans' }],
      ['query', { sql: 'SELECT count() FROM plans' }],
      ['reconcile_report', { streams: ['plans'] }],
    ] as const) {
      const { isError, text } = await callTool(client, name, args);
      assert.ok(!isError, `${name}: ${text}`);
      assert.doesNotMatch(text, /Not enough privileges|code 497/, name);
    }
  });

  // Commands that only read require only the first two grants.
  const reading = await serve([...grants].slice(0, 2).map(([, grant]) => grant));
  assert.deepEqual((await gatherStatus(reading, ['plans'], noSignal)).failures, []);
  const shown = await runCommand(
    t,
    'commands/query.ts',
    ['SELECT count() FROM plans'],
    environmentOf(reading),
  );
  assert.equal(shown.exitCode, 0, shown.stderr);
  const exported = join(folder, 'exported');
  const run = await runCommand(t, 'commands/export.ts', ['--to', `csv:${exported}`], environmentOf(reading));
  assert.equal(run.exitCode, 0, run.stderr);

  // Without the right to alter tables, a stream whose table must change stops, and the error names
  // the remedy.
  const owner = await serve(everything);
  await command(owner, `ALTER TABLE ${database}.plans_raw DROP COLUMN external_id`);
  await send('d');
  const limited = await serve(
    withoutDatabase.filter(([key]) => !key.startsWith('ALTER')).map(([, grant]) => grant),
  );
  const [stopped] = await sinkStreams(limited, 'plans');
  assert.match(stopped?.failure?.message ?? '', /code 497 .*clickhouse-rights\.md lists/);
  const again = await serve(withoutDatabase.map(([, grant]) => grant));
  const [evolved] = await sinkStreams(again, 'plans');
  assert.deepEqual({ failure: evolved?.failure, rows: evolved?.rows }, { failure: undefined, rows: 1 });
});
