import assert from 'node:assert/strict';
import { buffer, text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import { createClickHouse, quoted } from '../../core/clickhouse/client.ts';
import { ServiceRefusedError } from '../../core/errors.ts';
import type { ClickHouseSettings } from '../../core/settings/config.ts';
import { ReadOnlyQueries } from '../../operations/query/read-only-queries.ts';
import { createClickHouseFront } from '../helpers/clickhouse-front.ts';
import { ownServer } from '../helpers/own-clickhouse.ts';
import { createSettings, noSignal } from '../helpers/settings.ts';
import { waitFor } from '../helpers/wait-for.ts';

function open(t: TestContext, clickhouse: ClickHouseSettings): ReadOnlyQueries {
  const queries = new ReadOnlyQueries(clickhouse);
  t.after(() => queries.close());
  return queries;
}

async function openWithTables(t: TestContext) {
  const { clickhouse } = createSettings(t);
  const client = createClickHouse(clickhouse, {});
  t.after(() => client.close());
  const database = quoted(clickhouse.database);
  for (const query of [
    `CREATE DATABASE ${database}`,
    `CREATE TABLE ${database}.customers_raw (uuid String COMMENT 'id', mrr Nullable(Int64) COMMENT 'in cents') ENGINE = MergeTree ORDER BY uuid`,
    `CREATE VIEW ${database}.customers AS SELECT uuid FROM ${database}.customers_raw`,
  ])
    await client.command({ query });
  return { queries: open(t, clickhouse), database: clickhouse.database };
}

const refused = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ServiceRefusedError, String(error));
  assert.match(error.message, pattern);
  return true;
};

test('a query returns exact text and the types of its columns', async (t) => {
  const { queries } = await openWithTables(t);
  const cases: readonly (readonly [sql: string, type: string, text: string | null])[] = [
    ['9223372036854775807::Int64', 'Int64', '9223372036854775807'],
    ["'1234567890123456789012345678.9'::Decimal(38, 1)", 'Decimal(38, 1)', '1234567890123456789012345678.9'],
    ['NULL', 'Nullable(Nothing)', null],
    ["'null'", 'String', 'null'],
    ["'ᴺᵁᴸᴸ'", 'String', 'ᴺᵁᴸᴸ'],
    [String.raw`'a\tb\nc\\d\'"\0'`, 'String', 'a\tb\nc\\d\'"\0'],
    ['nan', 'Float64', 'nan'],
    ['-1/0', 'Float64', '-inf'],
    ['0.1 + 0.2', 'Float64', '0.30000000000000004'],
    ['true', 'Bool', 'true'],
    ["['a', NULL]", 'Array(Nullable(String))', '["a",null]'],
    [
      "CAST((9007199254740993, 'x'), 'Tuple(id Int64, k String)')",
      'Tuple(id Int64, k String)',
      '{"id":9007199254740993,"k":"x"}',
    ],
    ["toDateTime64('2299-12-31 23:59:59.999', 3, 'UTC')", "DateTime64(3, 'UTC')", '2299-12-31 23:59:59.999'],
    ["toDate32('1900-01-01')", 'Date32', '1900-01-01'],
    ["'😀'", 'String', '😀'],
  ];
  const list = cases.map(([sql], at) => `${sql} AS c${at}`);
  const { columns, rows, isTruncated } = await queries.rows(`SELECT ${list.join(', ')}`, {
    signal: noSignal,
  });
  assert.deepEqual(
    columns,
    cases.map(([, type], at) => ({ name: `c${at}`, type })),
  );
  assert.deepEqual(rows, [cases.map(([, , value]) => value)]);
  assert.equal(isTruncated, false);
});

test('a result is truncated at the row limit, and the server stops reading', async (t) => {
  const { queries } = await openWithTables(t);
  const ask = (sql: string, maxRows: number) => queries.rows(sql, { signal: noSignal, maxRows });
  const first = await ask('SELECT number FROM system.numbers', 2);
  assert.deepEqual([first.rows, first.isTruncated], [[['0'], ['1']], true]);
  assert.ok((first.rowsRead ?? Infinity) < 1_000_000);
  for (const sql of [
    'SELECT number FROM numbers(2)',
    'SELECT number FROM numbers(1) UNION ALL SELECT number FROM numbers(1)',
  ]) {
    const complete = await ask(sql, 2);
    assert.deepEqual([complete.rows.length, complete.isTruncated], [2, false]);
  }
  const union = 'SELECT number FROM numbers(9) UNION ALL SELECT number FROM numbers(9)';
  const cut = await ask(union, 4);
  assert.deepEqual([cut.rows.length, cut.isTruncated], [4, true]);
  const total = await ask(
    'SELECT sum(n) FROM (SELECT number AS n FROM numbers(100)) WHERE n IN (SELECT 7)',
    1,
  );
  assert.deepEqual(total.rows, [['7']]);
  const none = await ask('SELECT 1 AS one WHERE 0', 1);
  assert.deepEqual([none.columns, none.rows], [[{ name: 'one', type: 'UInt8' }], []]);
});

test('rows() rejects a FORMAT clause, and stream() applies it', async (t) => {
  const { queries } = await openWithTables(t);
  const options = { signal: noSignal };
  await assert.rejects(
    queries.rows('SELECT 1 FORMAT CSV', options),
    refused(/must not have a FORMAT here; got FORMAT CSV/),
  );
  const named = await queries.stream('SELECT 1 AS a FORMAT JSONEachRow', 'CSV', options);
  assert.deepEqual([await text(named.stream), named.format], ['{"a":1}\n', 'JSONEachRow']);
  const csv = await queries.stream('SELECT 1 AS a', 'CSVWithNames', options);
  assert.deepEqual([await text(csv.stream), csv.format, csv.rowsRead], ['"a"\n1\n', 'CSVWithNames', 1]);
  const parquet = await queries.stream('SELECT number FROM numbers(1000)', 'Parquet', options);
  assert.equal((await buffer(parquet.stream)).subarray(0, 4).toString(), 'PAR1');
});

test('ReadOnlyQueries rejects statements that do more than read, before it runs anything', async (t) => {
  const { queries } = await openWithTables(t);
  const options = { signal: noSignal };
  for (const sql of [
    "INSERT INTO customers_raw VALUES ('x', 1)",
    'DROP TABLE customers_raw',
    "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "SELECT * FROM url('http://127.0.0.1:1')",
    "SELECT * FROM remote('127.0.0.1:1', system.one)",
    'SELECT * FROM system.users',
    'SELECT * FROM system.named_collections',
    'SELECT 1; SELECT 2',
    'SELECT 1 SETTINGS readonly = 0',
    'SET readonly = 0',
    'SELECT 1 SETTINGS max_execution_time = 0',
    'SELECT 1 SETTINGS limit = 0',
    "SELECT 1 INTO OUTFILE '/tmp/x'",
  ]) {
    await assert.rejects(queries.rows(sql, options), refused(/READONLY|Multi-statements|OUTFILE/), sql);
    await assert.rejects(
      queries.stream(sql, 'CSV', options),
      refused(/READONLY|Multi-statements|OUTFILE/),
      sql,
    );
  }
  const { rows } = await queries.rows('SELECT count() FROM customers_raw', options);
  assert.deepEqual(rows, [['0']]);
});

test('the error for an unknown table lists views and tables, and suggests the nearest name', async (t) => {
  const { queries, database } = await openWithTables(t);
  const options = { signal: noSignal };
  const known = `Tables and views of ${database}: customers$`;
  for (const [sql, pattern] of [
    ['SELECT * FROM custmers', `^there is no table or view custmers. Did you mean customers\\? ${known}`],
    [`SELECT * FROM ${database}.Customers`, `Did you mean customers\\?`],
    ['SELECT * FROM customers JOIN invoices USING (uuid)', `^there is no table or view invoices. ${known}`],
    ['DESCRIBE customer_raw', 'Did you mean customers_raw\\?'],
    ['SELECT * FROM system.custmers', '^ClickHouse at .*UNKNOWN_TABLE'],
    ['SELECT * FROM elsewhere.customers', '^ClickHouse at .*UNKNOWN_DATABASE'],
  ] as const)
    await assert.rejects(queries.rows(sql, options), refused(new RegExp(pattern)), sql);
  const { clickhouse } = createSettings(t);
  await assert.rejects(
    open(t, clickhouse).rows('SELECT * FROM customers', options),
    refused(/^database test_\w+ \(CLICKHOUSE_DATABASE\) has no tables yet: run `npm run produce`/),
  );
});

test('an aborted query ends even if the server has sent only part of the response', async (t) => {
  const { clickhouse } = createSettings(t);
  const front = await createClickHouseFront(t, clickhouse.url);
  const queries = open(t, { ...clickhouse, url: front.url, database: 'default' });
  const stop = new AbortController();
  front.answer = (statement, response) => {
    if (statement !== 'SELECT 1 AS n') return false;
    // This is more than the socket buffers hold, so once all of it is sent, the reader has begun to
    // read.
    const rows = `["${'x'.repeat(1024 * 1024)}"]\n`.repeat(30);
    response.writeHead(200).write(`["n"]\n["UInt8"]\n${rows}`, () => stop.abort(new Error('stopped here')));
    return true;
  };
  await assert.rejects(queries.rows('SELECT 1 AS n', { signal: stop.signal }), /stopped here/);
});

test('tables() lists views first with columns and comments, and vocabulary() lists functions', async (t) => {
  const { queries } = await openWithTables(t);
  const [customers, raw, ...others] = await queries.tables(noSignal);
  assert.deepEqual(
    [customers?.name, customers?.kind, raw?.name, raw?.kind, others],
    ['customers', 'view', 'customers_raw', 'table', []],
  );
  assert.deepEqual(raw?.columns, [
    { name: 'uuid', type: 'String', comment: 'id' },
    { name: 'mrr', type: 'Nullable(Int64)', comment: 'in cents' },
  ]);
  const { functions, keywords } = await queries.vocabulary(noSignal);
  assert.match(functions.find(({ name }) => name === 'toStartOfMonth')?.syntax ?? '', /^toStartOfMonth\(/);
  assert.ok(['SELECT', 'GROUP', 'BY'].every((word) => keywords.includes(word)));
});

test('a query reports its progress, and an abort ends it on the server', async (t) => {
  const server = await ownServer(t);
  const settings = createSettings(t).clickhouse;
  const clickhouse = { ...settings, url: server.url, credentials: undefined, database: 'default' };
  const queries = open(t, clickhouse);
  const running = async () => {
    const sql = `SELECT count() FROM system.processes WHERE query LIKE '%endless%' AND query NOT LIKE '%processes%'`;
    return (await queries.rows(sql, { signal: noSignal })).rows[0]?.[0];
  };
  const stop = new AbortController();
  let rowsRead = 0;
  const onProgress = (progress: { rowsRead: number }) => (rowsRead = progress.rowsRead);
  const sql = 'SELECT count() AS endless FROM system.numbers';
  const query = queries.rows(sql, { signal: stop.signal, onProgress });
  query.catch(() => undefined);
  await waitFor('progress', () => Promise.resolve(rowsRead > 0));
  assert.equal(await running(), '1');
  stop.abort(new Error('stopped here'));
  await assert.rejects(query, /stopped here/);
  await waitFor('the end of the query', async () => (await running()) === '0');
});
