import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import { createClickHouse, quoted } from '../../core/clickhouse/client.ts';
import { ServiceRefusedError } from '../../core/errors.ts';
import { readOnlyQuery, standardLimits, type QueryLimits } from '../../core/clickhouse/read-only-query.ts';
import { createSettings, noSignal } from '../helpers/settings.ts';

async function reader(t: TestContext) {
  const { clickhouse } = createSettings(t);
  const client = createClickHouse(clickhouse, {});
  t.after(() => client.close());
  const database = quoted(clickhouse.database);
  await client.command({ query: `CREATE DATABASE ${database}` });
  await client.command({ query: `CREATE TABLE ${database}.t (a String) ENGINE = MergeTree ORDER BY a` });
  await client.command({ query: `INSERT INTO ${database}.t VALUES ('kept')` });
  const limited = async (sql: string, some: Partial<QueryLimits> = {}, format = 'TSV') => {
    const limits = { ...standardLimits, ...some };
    return text((await readOnlyQuery(client, clickhouse, { sql, format, signal: noSignal, limits })).stream);
  };
  return { client, clickhouse, ask: limited };
}

const refused = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ServiceRefusedError, String(error));
  assert.match(error.message, pattern);
  return true;
};

test('a query may read a parameterized view, but not a table function', async (t) => {
  const { ask, client, clickhouse } = await reader(t);
  const { database } = clickhouse;
  const view = `${database}.t_at`;
  await client.command({ query: `CREATE VIEW ${view} AS SELECT a FROM ${database}.t WHERE a = {at:String}` });
  assert.equal(await ask("SELECT a FROM t_at(at = 'kept')"), 'kept\n');
  assert.equal(await ask(`SELECT count() FROM ${view}(at = 'other')`), '0\n');
  await assert.rejects(ask("SELECT * FROM url('http://127.0.0.1:1/', 'TSV')"), refused(/table function url/));
});

test('a read-only query uses its own FORMAT clause, or else the format of the caller', async (t) => {
  const { ask } = await reader(t);
  const expected: Record<string, RegExp> = {
    'SELECT a FROM t': /^kept\n$/,
    'SELECT a FROM t;': /^kept\n$/,
    "-- why\nSELECT a /* x */ FROM t WHERE a != ' FORMAT JSON' FORMAT JSONEachRow": /^\{"a":"kept"\}\n$/,
    "SELECT ' FORMAT JSON'": /^ FORMAT JSON\n$/,
    'WITH x AS (SELECT a FROM t) SELECT * FROM x': /^kept\n$/,
    '(SELECT 1) UNION ALL (SELECT 1)': /^1\n1\n$/,
    'FROM t SELECT count() FORMAT CSVWithNames': /^"count\(\)"\n1\n$/,
    'SELECT * FROM numbers(3) INTERSECT SELECT number FROM numbers(1)': /^0\n$/,
    'SELECT number FROM system.numbers WHERE 1 LIMIT 1 OFFSET 2': /^2\n$/,
    "SELECT a FROM t WHERE a LIKE 'k%' GROUP BY a HAVING 1 ORDER BY a LIMIT 1 BY a LIMIT 3": /^kept\n$/,
    'SHOW TABLES': /^t\n$/,
    'SHOW CREATE TABLE t': /CREATE TABLE/,
    'SHOW COLUMNS FROM t': /^a\tString/,
    'SHOW DATABASES': /system/,
    'SHOW PROCESSLIST': /SHOW PROCESSLIST|FROM system\.processes/,
    'DESCRIBE t': /^a\tString/,
    'DESC TABLE (SELECT 1 AS one)': /^one\tUInt8/,
    'EXPLAIN SELECT a FROM t': /ReadFrom/,
    'EXPLAIN actions = 1 SELECT a FROM t': /ReadFrom/,
    'EXPLAIN AST SELECT 1': /SelectWithUnionQuery/,
    'EXISTS TABLE t': /^1\n$/,
    "SELECT * FROM values('x String', ('file'))": /^file\n$/,
    "SELECT count() FROM system.tables WHERE name = 't' AND database = currentDatabase()": /^1\n$/,
    "SELECT * APPLY(lower), COLUMNS('a') APPLY(x -> upper(x)) FROM (SELECT a FROM t)": /^kept\tKEPT\n$/,
    "SHOW TABLES WHERE name = 't' LIMIT 1": /^t\n$/,
    "SELECT format('{}', a), 1 IN (1, 2) FROM t": /^kept\t1\n$/,
  };
  for (const [sql, pattern] of Object.entries(expected)) assert.match(await ask(sql), pattern, sql);
  assert.equal(await ask('SELECT 1 AS a', {}, 'JSONEachRow'), '{"a":1}\n');
});

test('a query that does more than read is rejected', async (t) => {
  const { ask } = await reader(t);
  const readsOnly = /only SELECT, WITH, SHOW/;
  const statements: Record<string, RegExp> = {
    'DROP TABLE t': readsOnly,
    "INSERT INTO t VALUES ('x')": readsOnly,
    'INSERT INTO t SELECT 1': readsOnly,
    "INSERT INTO FUNCTION file('/tmp/x', 'CSV', 'a String') SELECT 'x'": readsOnly,
    'CREATE TEMPORARY TABLE x (a Int8)': readsOnly,
    'ALTER TABLE t DELETE WHERE 1': readsOnly,
    'SET max_threads = 1': readsOnly,
    'USE system': readsOnly,
    "KILL QUERY WHERE query_id = 'x'": readsOnly,
    'SYSTEM STOP MERGES t': readsOnly,
    'OPTIMIZE TABLE t': readsOnly,
    'CHECK TABLE t': readsOnly,
    'BACKUP TABLE t TO Null': readsOnly,
    // The local server may reject this statement before the client can check it.
    'GRANT SELECT ON *.* TO default': /only SELECT, WITH, SHOW|cannot be checked/,
    'SHOW CREATE USER default': readsOnly,
    'SHOW USERS': readsOnly,
    'DROP TABLE IF EXISTS n PARALLEL WITH DROP TABLE IF EXISTS t': readsOnly,
    "SELECT 'x' AS insert INTO OUTFILE '/tmp/x'": /INTO OUTFILE|OUTFILE/,
    "SHOW TABLES INTO OUTFILE '/tmp/x'": /OUTFILE/,
    'SELECT 1 SETTINGS max_memory_usage = 0': /SETTINGS/,
    'SELECT * FROM (SELECT 1 SETTINGS max_memory_usage = 0)': /SETTINGS/,
    'SELECT 1 FORMAT JSON SETTINGS max_threads = 1': /SETTINGS/,
    'SELECT 1 SETTINGS readonly = 0': /SETTINGS/,
    'SELECT 1; SELECT 2': /Multi-statements/,
    'SELECT 1; DROP TABLE t': /Multi-statements/,
    'SELEC 1': /code 62/,
    '': /code 62|READONLY/,
    'SELECT * FROM system.users': /shows credentials/,
    'SELECT * FROM `system`.`named_collections` AS n': /shows credentials/,
    "SELECT * FROM merge('system', '^users$')": /merge/,
    "SELECT * FROM merge(system, '^named_collections$')": /merge/,
    "SELECT ('a', 'b') IN system.named_collections": /shows credentials/,
    'SHOW TABLES FROM system WHERE (1) IN system.users': /system\.users together with/,
    'SHOW COLUMNS FROM t WHERE 1 IN `system`.`named_collections`': /named_collections together with/,
    "SHOW TABLES WHERE name IN merge(system, '^users$')": /merge/,
    "SELECT arrayMap(file, ['/etc/passwd'])": /reaches outside the database/,
    "SELECT * APPLY(file) FROM (SELECT '/etc/passwd')": /reaches outside the database/,
    "SELECT * APPLY(x -> file(x)) FROM (SELECT '/etc/passwd')": /reaches outside the database/,
    "SHOW TABLES WHERE file('/etc/passwd') != ''": /reaches outside the database/,
    "SHOW COLUMNS FROM t WHERE 1 IN (SELECT 1 FROM url('http://127.0.0.1:1'))":
      /reaches outside the database/,
    "SHOW TABLES FROM system LIMIT length(file('/etc/passwd'))": /reaches outside the database/,
  };
  for (const [sql, pattern] of Object.entries(statements))
    await assert.rejects(ask(sql), refused(pattern), sql);
  const outer = [
    ...[
      "file('/etc/hostname')",
      "url('http://127.0.0.1:1')",
      "s3('http://x.example/b/c')",
      "remote('127.0.0.1:1')",
    ],
    ...[
      "mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
      "postgresql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
      "input('a Int8')",
    ],
    ...["executable('x', TSV, 'a Int8')", "dictionary('x')", "cluster('x', system.one)", "eval('SELECT 1')"],
    ...[
      "format(JSONEachRow, '{}')",
      "loop(url('http://127.0.0.1:1'))",
      "azureBlobStorage('a', 'b', 'c')",
      "hdfs('x')",
    ],
    ...["values('a Int8, b String ALIAS file(\\'/x\\')', (1))", "null('a String DEFAULT file(\\'/x\\')')"],
  ];
  for (const call of outer) {
    for (const sql of [
      `SELECT * FROM ${call}`,
      `DESCRIBE ${call}`,
      `EXPLAIN SELECT 1 FROM (SELECT * FROM ${call})`,
    ])
      await assert.rejects(ask(sql), refused(/reaches outside the database/), sql);
    await assert.rejects(
      ask(`WITH x AS (SELECT * FROM ${call}) SELECT 1 FROM t JOIN x ON 1`),
      refused(/reaches outside the database/),
      call,
    );
  }
  for (const call of ["file('/etc/hostname')", "`f\\x69le`('/etc/hostname')", "catboostEvaluate('/x', 1)"])
    await assert.rejects(ask(`SELECT ${call}`), refused(/reaches outside the database/), call);
  await assert.rejects(ask("SELECT 1 IN url('http://127.0.0.1:1')"), refused(/reaches outside the database/));
  assert.equal(await ask('SELECT * FROM t'), 'kept\n');
});

test('a query that exceeds a limit fails, and the error states the limit', async (t) => {
  const { ask } = await reader(t);
  await assert.rejects(ask('SELECT * FROM numbers(12)', { rows: 10 }), refused(/10 rows/));
  assert.equal((await ask('SELECT * FROM numbers(9)', { rows: 10 })).split('\n').length, 10);
  await assert.rejects(
    ask("SELECT repeat('x', 1000) FROM numbers(10)", { bytes: 5_000 }),
    refused(/5000 bytes/),
  );
  await assert.rejects(ask('SELECT number FROM numbers(100)', { bytes: 810 }, 'JSON'), refused(/810 bytes/));
  const memory = { memoryBytes: 10_000_000 };
  await assert.rejects(
    ask('SELECT length(groupArray(number)) FROM numbers(10000000)', memory),
    refused(/of memory/),
  );
  await assert.rejects(
    ask('SELECT sum(sleepEachRow(0.2)) FROM numbers(10)', { seconds: 1 }),
    refused(/1 second\b/),
  );
  await assert.rejects(ask('SELECT count() FROM system.numbers', { seconds: 1 }), refused(/1 second\b/));
});

/**
 * Starts a server whose user has this profile, and records the settings that the last query sent.
 */
async function serverOf(t: TestContext, readonly: string, maxMemory = '0') {
  let sent: URLSearchParams | undefined;
  const server = createServer((request, response) => {
    void text(request).then((sql) => {
      const profile = {
        canonical: 'SELECT 1',
        readonly,
        max_result_rows: '0',
        max_result_bytes: '0',
        max_memory_usage: maxMemory,
      };
      if (sql.includes('formatQuerySingleLine')) {
        response.end(`${JSON.stringify({ ...profile, max_execution_time: '0' })}\n`);
      } else if (sql.startsWith('EXPLAIN AST')) {
        const set = sql.includes('SETTINGS') ? '  Set\n' : '';
        response.end(
          `SelectWithUnionQuery (children 1)\n SelectQuery (children 1)\n  ExpressionList\n${set}`,
        );
      } else {
        sent = new URL(request.url ?? '', 'http://x').searchParams;
        response.end('1\n');
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const settings = { url, credentials: undefined, database: 'd', cluster: undefined };
  const client = createClickHouse(settings, {});
  t.after(async () => {
    await client.close();
    server.close();
  });
  const query = { format: 'TSV', signal: noSignal };
  const ask = async (sql: string) => text((await readOnlyQuery(client, settings, { ...query, sql })).stream);
  return { ask, sent: () => sent };
}

test("the client sends only settings that the user's profile permits: all, some, or none", async (t) => {
  for (const [readonly, expected] of [
    ['0', { readonly: '1', max_execution_time: '60', max_memory_usage: '1000' }],
    ['2', { readonly: null, max_execution_time: '60', max_memory_usage: '1000' }],
    ['1', { readonly: null, max_execution_time: null, max_memory_usage: null }],
  ] as const) {
    const { ask, sent } = await serverOf(t, readonly, '1000');
    assert.equal(await ask('SELECT 1'), '1\n');
    const received = Object.keys(expected).map((name) => [name, sent()?.get(name) ?? null]);
    assert.deepEqual(Object.fromEntries(received), expected);
    await assert.rejects(ask('SELECT 1 SETTINGS max_threads = 1'), refused(/SETTINGS/));
  }
});
