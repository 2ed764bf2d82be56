import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { quoted } from '../../core/clickhouse/client.ts';
import type { Settings } from '../../core/settings/config.ts';
import type { SqlDownload, SqlNames, SqlQuestion, SqlResult } from '../../dashboard/api/sql.ts';
import { createDashboard } from '../helpers/dashboard.ts';
import { ownServer } from '../helpers/own-clickhouse.ts';
import { command } from '../helpers/plans-table.ts';
import { createSettings } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { waitFor } from '../helpers/wait-for.ts';

/** Starts a dashboard, and returns functions that return its raw responses, errors included. */
async function openRaw(t: TestContext, settings: Settings) {
  const { url, token } = await createDashboard(t, settings);
  return {
    get: (path: string) => fetch(new URL(path, url), { headers: { 'x-page-token': token } }),
    post: (path: string, body: unknown, init: { signal?: AbortSignal; token?: string } = {}) =>
      fetch(new URL(path, url), {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-page-token': init.token ?? token },
        body: JSON.stringify(body),
        ...(init.signal && { signal: init.signal }),
      }),
  };
}

async function open(t: TestContext) {
  const settings = createSettings(t);
  const database = quoted(settings.clickhouse.database);
  await command(
    settings,
    `CREATE DATABASE ${database}`,
    `CREATE TABLE ${database}.plans_raw (uuid String COMMENT 'id', n Int64) ENGINE = MergeTree ORDER BY uuid`,
    `INSERT INTO ${database}.plans_raw VALUES ('kept', 9223372036854775807)`,
    `CREATE VIEW ${database}.plans AS SELECT * FROM ${database}.plans_raw`,
  );
  return { settings, ...(await openRaw(t, settings)) };
}

async function errorOf(answer: Response): Promise<string> {
  assert.ok(answer.status >= 400 && answer.status < 500, String(answer.status));
  const { error } = (await answer.json()) as { error: { message: string; remedy?: string } };
  return `${error.message}; ${error.remedy ?? ''}`;
}

test('the SQL page returns the exact values, types and statistics of a query', async (t) => {
  const { post } = await open(t);
  const answer = await post('/api/sql/run', {
    sql: "SELECT uuid, n, '1.10'::Decimal(9, 2) AS d, NULL AS none FROM plans",
  });
  assert.equal(answer.status, 200);
  const { columns, rows, isTruncated, rowsRead } = (await answer.json()) as SqlResult;
  assert.deepEqual(
    columns.map(({ type }) => type),
    ['String', 'Int64', 'Decimal(9, 2)', 'Nullable(Nothing)'],
  );
  assert.deepEqual(rows, [['kept', '9223372036854775807', '1.1', null]]);
  assert.deepEqual([isTruncated, rowsRead], [false, 1]);
  const many = (await (
    await post('/api/sql/run', { sql: 'SELECT number FROM numbers(1001)' })
  ).json()) as SqlResult;
  assert.deepEqual([many.rows.length, many.isTruncated], [1_000, true]);
});

test('the SQL page rejects statements that do more than read, and keeps the data', async (t) => {
  const { settings, post } = await open(t);
  const statements = [
    "INSERT INTO plans_raw VALUES ('x', 1)",
    'DROP TABLE plans_raw',
    "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "SELECT * FROM url('http://127.0.0.1:1', 'CSV', 'a String')",
    "SELECT * FROM remote('127.0.0.1:1', system.one)",
    'SELECT * FROM system.users',
    'SELECT * FROM system.named_collections',
    'SELECT 1; SELECT 2',
    'SELECT 1 SETTINGS readonly = 0',
    'SET readonly = 0',
    "SELECT 1 INTO OUTFILE '/tmp/x'",
  ];
  for (const sql of statements) {
    const pattern = /READONLY|Multi-statements|OUTFILE/;
    assert.match(await errorOf(await post('/api/sql/run', { sql })), pattern, sql);
    assert.match(await errorOf(await post('/api/sql/downloads', { sql, format: 'csv' })), pattern, sql);
  }
  assert.deepEqual(await rowsOf(settings, 'SELECT count() AS n FROM plans_raw'), [{ n: 1 }]);
});

test('a query runs only with the page token, and never through a GET', async (t) => {
  const { get, post } = await open(t);
  const body = { sql: 'SELECT 1' };
  assert.equal((await post('/api/sql/run', body, { token: 'guess' })).status, 403);
  assert.equal(
    (await post('/api/sql/downloads', { ...body, format: 'csv' }, { token: 'guess' })).status,
    403,
  );
  for (const path of ['/api/sql/run?sql=SELECT+1', '/api/sql/downloads?sql=SELECT+1&format=csv'])
    assert.equal((await get(path)).status, 404);
});

test('the SQL page reports an unknown table, a missing query and the position of a syntax error', async (t) => {
  const { post } = await open(t);
  const run = async (sql: unknown) => errorOf(await post('/api/sql/run', { sql }));
  assert.match(await run('SELECT 1 FRM plans x'), /failed at position \d+/);
  assert.match(await run('SELECT * FROM plan'), /no table or view plan\. Did you mean plans\? .*: plans\b/);
  for (const sql of ['', '  ', 1, null]) assert.match(await run(sql), /sql must contain a query/);
  const format = await post('/api/sql/downloads', { sql: 'SELECT 1', format: 'exe' });
  assert.match(await errorOf(format), /format must be csv, parquet or json/);
});

test('a cancelled query ends on the server', async (t) => {
  const shared = createSettings(t);
  const { url } = await ownServer(t);
  const clickhouse = { ...shared.clickhouse, url, credentials: undefined, database: 'default' };
  const settings = { ...shared, clickhouse };
  const { post } = await openRaw(t, settings);
  const sql = 'SELECT count() AS cancelled_by_a_page FROM system.numbers';
  const controller = new AbortController();
  const answer = post('/api/sql/run', { sql }, { signal: controller.signal });
  const isRunning = async () => {
    const [row] = await rowsOf(
      settings,
      `SELECT count() AS n FROM system.processes WHERE query LIKE '%cancelled_by_a_page%' AND query NOT LIKE '%processes%'`,
    );
    return row?.['n'] !== 0;
  };
  await waitFor('the query to run', isRunning);
  controller.abort();
  await assert.rejects(answer, { name: 'AbortError' });
  await waitFor('the query to end', async () => !(await isRunning()));
});

test('a download streams the entire result once, in each format', async (t) => {
  const { get, post } = await open(t);
  const expected = {
    csv: /^"n"\n0\n1\n.*1999\n$/s,
    json: /^\{"n":"?0"?\}\n.*\{"n":"?1999"?\}\n$/s,
    parquet: /^PAR1.*PAR1$/s,
  };
  for (const [format, pattern] of Object.entries(expected)) {
    const started = await post('/api/sql/downloads', {
      sql: 'SELECT number AS n FROM numbers(2000)',
      format,
    });
    assert.equal(started.status, 200);
    const { id, fileName } = (await started.json()) as SqlDownload;
    const file = await get(`/api/sql/downloads/${id}`);
    assert.equal(file.headers.get('content-disposition'), `attachment; filename="${fileName}"`);
    assert.match(fileName, /^query-\d{8}-\d{6}\.(csv|jsonl|parquet)$/);
    assert.match(Buffer.from(await file.arrayBuffer()).toString('latin1'), pattern, format);
    assert.equal((await get(`/api/sql/downloads/${id}`)).status, 404);
  }
});

test('a ninth simultaneous download is refused until another download has ended', async (t) => {
  const { get, post } = await open(t);
  const start = () => post('/api/sql/downloads', { sql: 'SELECT 1', format: 'csv' });
  const ids: string[] = [];
  for (let download = 0; download < 8; download++) {
    const started = await start();
    assert.equal(started.status, 200);
    ids.push(((await started.json()) as SqlDownload).id);
  }
  const refused = await start();
  assert.equal(refused.status, 503);
  assert.match(await refused.text(), /8 downloads are running/);
  assert.equal(await (await get(`/api/sql/downloads/${ids[0]}`)).text(), '"1"\n1\n');
  assert.equal((await start()).status, 200);
});

test('a row of more than 8 MiB is refused, and the dashboard stays up', async (t) => {
  const { post } = await open(t);
  const error = await errorOf(await post('/api/sql/run', { sql: "SELECT repeat(repeat('a', 1000), 20000)" }));
  assert.match(error, /^a row of the result is larger than 8 MiB; select fewer columns/);
  const list = await post('/api/sql/run', { sql: 'SELECT groupArray(number) FROM numbers(1000000)' });
  const { rows } = (await list.json()) as SqlResult;
  assert.match(rows[0]?.[0] ?? '', /^\[0,1,2,.*,999999\]$/);
});

test('the SQL page completes names and offers ready-made questions', async (t) => {
  const { get } = await open(t);
  const { tables, functions, keywords } = (await (await get('/api/sql/names')).json()) as SqlNames;
  assert.deepEqual(
    tables.map(({ name, kind, columns }) => [name, kind, columns.length]),
    [
      ['plans', 'view', 2],
      ['plans_raw', 'table', 2],
    ],
  );
  assert.ok(functions.some(({ name }) => name === 'toStartOfMonth'));
  assert.ok(keywords.includes('SELECT'));
  const questions = (await (await get('/api/sql/questions')).json()) as SqlQuestion[];
  assert.ok(questions.length > 10 && questions.every(({ title, sql }) => title !== '' && sql !== ''));
});
