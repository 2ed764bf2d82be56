import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { devNull, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { loadSettings } from '../../core/settings/config.ts';
import { clickhouseService } from '../../services/clickhouse.ts';
import { isTrueWithin } from '../../services/deadline.ts';
import { freePort } from '../../services/local-address.ts';

const SECRET = 'secret-of-another-file';

describe('the local ClickHouse server', () => {
  const outside = mkdtempSync(join(tmpdir(), 'services-outside-'));
  const secretFile = join(outside, 'secret');
  let url: string;
  let stop: () => Promise<void>;
  let hits = 0;
  const stranger = createServer((request, response) => {
    hits += 1;
    request.resume();
    response.end('1\n');
  });
  let strangerHost = '';

  before(async () => {
    writeFileSync(secretFile, SECRET);
    stranger.listen(0, '127.0.0.1');
    await once(stranger, 'listening');
    strangerHost = `127.0.0.1:${(stranger.address() as AddressInfo).port}`;
    const dataDir = mkdtempSync(join(tmpdir(), 'services-confined-'));
    url = `http://127.0.0.1:${await freePort()}`;
    const settings = loadSettings({ DATA_DIR: dataDir, CLICKHOUSE_URL: url }, devNull);
    const service = clickhouseService(settings, join(dataDir, 'services', 'clickhouse'));
    await service.start(AbortSignal.timeout(30_000));
    stop = async () => {
      for (const process of service.processes) await process.stop();
      rmSync(dataDir, { recursive: true, force: true });
    };
    assert.ok(await isTrueWithin(30_000, () => service.isReady()), 'ClickHouse is not ready');
    for (const query of [
      'CREATE TABLE t (a String) ENGINE = MergeTree ORDER BY a',
      "INSERT INTO t VALUES ('kept')",
    ])
      assert.equal((await ask(query)).code, undefined);
  });

  after(async () => {
    await stop();
    stranger.close();
    rmSync(outside, { recursive: true, force: true });
  });

  async function ask(query: string, search: Record<string, string> = {}, method = 'POST') {
    const target = new URL(url);
    target.search = new URLSearchParams(method === 'GET' ? { ...search, query } : search).toString();
    const body = method === 'GET' ? {} : { body: query };
    const response = await fetch(target, { method, ...body, signal: AbortSignal.timeout(20_000) });
    const code = response.headers.get('x-clickhouse-exception-code') ?? undefined;
    return { code, text: await response.text() };
  }

  /** Asserts that the server rejects a query, and does not reach outside its folder. */
  async function assertConfined(query: string, search: Record<string, string> = {}, method = 'POST') {
    const filled = query
      .replaceAll('{SECRET}', secretFile)
      .replaceAll('{OUT}', join(outside, 'written'))
      .replaceAll('{HOST}', strangerHost);
    const { code, text } = await ask(filled, search, method);
    assert.ok(code !== undefined, `${query} was accepted: ${text}`);
    assert.ok(!text.includes(SECRET), query);
    assert.deepEqual(readdirSync(outside), ['secret'], query);
    assert.equal(readFileSync(secretFile, 'utf8'), SECRET, query);
    assert.equal(hits, 0, query);
    return { code, text };
  }

  test('rejects functions that reach outside its folder, in any spelling', async () => {
    const queries = [
      "SELECT * FROM file('{SECRET}', 'LineAsString')",
      "SELECT file('{SECRET}')",
      "SELECT `f\\x69le`('{SECRET}')",
      'SELECT /* file */ "file" -- x\n (\'{SECRET}\')',
      "SELECT “file”('{SECRET}')",
      'SELECT * FROM `{SECRET}`',
      "SELECT * FROM '{SECRET}'",
      "DESCRIBE file('{SECRET}')",
      // Only parameterized views may have such names.
      "SELECT * FROM `default`.`file`('{SECRET}', 'LineAsString')",
      "SELECT * FROM `default.file`('{SECRET}', 'LineAsString')",
      "SELECT * FROM file_at('{SECRET}')",
      "EXPLAIN SELECT * FROM url('http://{HOST}/', 'TSV')",
      "SELECT * FROM url('http://{HOST}/', 'TSV', 'a String')",
      "SELECT 1 IN url('http://{HOST}/', 'TSV', 'a String')",
      "SELECT 1 IN (SELECT a FROM s3('http://{HOST}/bucket/x', NOSIGN, 'TSV', 'a String'))",
      "SELECT * FROM remote('{HOST}', 'system', 'one')",
      "SELECT * FROM remoteSecure('{HOST}', 'system', 'one')",
      "SELECT * FROM mysql('{HOST}', 'a', 'b', 'c', 'd')",
      "SELECT * FROM executable('cat', TSV, 'a String', (SELECT 1))",
      "SELECT * FROM view(SELECT file('{SECRET}'))",
      "SELECT b FROM values('a String, b String ALIAS file(\\'{SECRET}\\')', ('x'))",
      "SELECT b FROM values(concat('a String, b String ALIAS fi', 'le(\\'{SECRET}\\')'), ('x'))",
      "SELECT * FROM format(JSONEachRow, 'a String DEFAULT file(\\'{SECRET}\\')', '{}')",
      "SELECT * FROM format(Values, 'a String', '(file(\\'{SECRET}\\'))')",
      "SELECT * FROM eval('SELECT file(\\'{SECRET}\\')') SETTINGS allow_experimental_eval_table_function = 1",
      "SELECT 1 FORMAT Template SETTINGS format_template_row = '{SECRET}'",
      "SELECT count() FROM t SETTINGS additional_result_filter = 'file(\\'{SECRET}\\') = a'",
      "SELECT file('{SECRET}') SETTINGS limit = 1",
      "SELECT file('{SECRET}') SETTINGS offset = 1, limit = 3",
      "SELECT file('{SECRET}') SETTINGS max_result_rows = 1, result_overflow_mode = 'break', max_block_size = 1",
      "SELECT file('{SECRET}') AS `a\n Function numbers`",
      "SELECT a$$; SELECT file('{SECRET}'); $$",
      // Parts of a statement that its syntax tree omits.
      "SELECT * APPLY(file) FROM (SELECT '{SECRET}')",
      "SELECT COLUMNS('x') APPLY `f\\x69le` FROM (SELECT '{SECRET}' AS x)",
      "SELECT * APPLY(x -> concat(file(x))) FROM (SELECT '{SECRET}')",
      "SELECT * APPLY(x -> x IN (SELECT a FROM fuzzJSON('x'))) FROM t",
      "SHOW TABLES FROM system WHERE name = 'one' AND file('{SECRET}') != ''",
      'SHOW TABLES FROM system WHERE name IN (SELECT * FROM numbers(1))',
      "SHOW COLUMNS FROM t WHERE `f\\x69le`('{SECRET}') != ''",
      "SELECT arrayMap(file, ['{SECRET}'])",
      "SELECT * APPLY(x -> arrayMap(file, [x])) FROM (SELECT '{SECRET}')",
      "SELECT arrayMap(`f\\x69le`, [a]) FROM (SELECT '{SECRET}' AS a)",
      "SELECT tuple(file('{SECRET}')).*",
      "SELECT tuple(1 IN (SELECT 1 FROM fuzzJSON('x'))) . *",
      "SHOW TABLES LIMIT length(file('{SECRET}'))",
    ];
    for (const query of queries) {
      await assertConfined(query);
      await assertConfined(query, {}, 'GET');
    }
    await assertConfined("SELECT file('{SECRET}')", {
      limit: '1',
      max_result_rows: '1',
      result_overflow_mode: 'break',
    });
    await assertConfined('SELECT 1', { format_template_row: secretFile, default_format: 'Template' });
  });

  test('rejects INSERTs with a file or address at any position', async () => {
    const queries = [
      "INSERT INTO FUNCTION file('{OUT}', 'CSV', 'a String') SELECT 'x'",
      "INSERT INTO FUNCTION file('{OUT}', 'CSV', 'a String') VALUES ('x')",
      "INSERT INTO TABLE FUNCTION url('http://{HOST}/', 'CSV', 'a String') FORMAT CSV\nx\n",
      "INSERT /* */ INTO /* */ FUNCTION s3('http://{HOST}/b/x', NOSIGN, 'CSV', 'a String') VALUES ('x')",
      "INSERT INTO t FROM INFILE '{SECRET}' FORMAT LineAsString",
      "INSERT INTO t SELECT file('{SECRET}')",
      "INSERT INTO t VALUES (file('{SECRET}'))",
      "INSERT INTO t FORMAT values (`f\\x69le`('{SECRET}'))",
      "INSERT INTO t SETTINGS input_format_values_interpret_expressions = 1 VALUES (file('{SECRET}')), (file('{SECRET}'))",
      "INSERT INTO t VALUES ((SELECT b FROM values(concat('a String, b String ALIAS fi', 'le(\\'{SECRET}\\')'), ('x'))))",
      "INSERT INTO t SELECT * FROM input('a String') FORMAT Values (file('{SECRET}'))",
      "INSERT INTO t$$; SELECT 1 INTO OUTFILE '{OUT}'; $$ FORMAT CSV\nx",
      "SELECT 'x' AS insert INTO OUTFILE '{OUT}'",
      "SELECT 'x' INTO OUTFILE '{OUT}'",
      "SHOW TABLES INTO OUTFILE '{OUT}'",
      "EXPLAIN SELECT 1 AS insert INTO OUTFILE '{OUT}' FORMAT CSV",
      "OPTIMIZE TABLE t INTO OUTFILE '{OUT}'",
      "DROP TABLE IF EXISTS nothing INTO OUTFILE '{OUT}'",
      "INSERT INTO t SELECT 1 INTO OUTFILE '{OUT}'",
    ];
    for (const query of queries) {
      await assertConfined(query);
      await assertConfined(query, {}, 'GET');
      await assertConfined(query, { readonly: '1' });
    }
    assert.equal((await ask('SELECT * FROM t')).text, 'kept\n');
  });

  test('rejects definitions that reach outside its folder', async () => {
    const queries = [
      "CREATE TABLE x (a String) ENGINE = File(CSV, '{SECRET}')",
      "CREATE TABLE x (a String) ENGINE = URL('http://{HOST}/', 'TSV')",
      "CREATE TABLE x (a String) ENGINE = FileLog('{SECRET}', 'LineAsString')",
      "CREATE TABLE x (a String) ENGINE = Executable('cat', 'TSV')",
      "CREATE TABLE x (a String) ENGINE = MergeTree ORDER BY a SETTINGS disk = disk(type = web, endpoint = 'http://{HOST}/a/')",
      "CREATE TABLE x AS file('{SECRET}', 'LineAsString')",
      "CREATE TABLE x (a String DEFAULT file('{SECRET}')) ENGINE = Memory",
      "ALTER TABLE t ADD COLUMN x String DEFAULT file('{SECRET}')",
      "ALTER TABLE t UPDATE a = file('{SECRET}') WHERE 1",
      "CREATE VIEW x AS SELECT * FROM url('http://{HOST}/', 'TSV', 'a String')",
      'CREATE MATERIALIZED VIEW x ENGINE = File(CSV) AS SELECT * FROM t',
      "CREATE DATABASE x ENGINE = Filesystem('{SECRET}')",
      "CREATE DATABASE x ENGINE = SQLite('{OUT}')",
      "CREATE DATABASE x ENGINE = PostgreSQL('{HOST}', 'a', 'b', 'c')",
      "ATTACH DATABASE x ENGINE = Filesystem('{SECRET}')",
      "CREATE DICTIONARY x (a String) PRIMARY KEY a SOURCE(FILE(path '{SECRET}' format 'LineAsString')) LAYOUT(COMPLEX_KEY_HASHED()) LIFETIME(0)",
      "CREATE DICTIONARY x (a String) PRIMARY KEY a SOURCE(CLICKHOUSE(QUERY 'SELECT file(\\'{SECRET}\\')')) LAYOUT(COMPLEX_KEY_HASHED()) LIFETIME(0)",
      'CREATE FUNCTION x AS (path) -> file(path)',
      "CREATE NAMED COLLECTION x AS url = 'http://{HOST}/'",
      "BACKUP TABLE t TO File('{OUT}')",
      "BACKUP TABLE t TO Disk('default', 'x')",
      "RESTORE TABLE t FROM File('{SECRET}')",
      "DROP TABLE IF EXISTS nothing PARALLEL WITH CREATE TABLE x (a String) ENGINE = URL('http://{HOST}/')",
      'CREATE USER x IDENTIFIED WITH no_password',
      'GRANT SOURCES ON *.* TO default',
      "SET format_schema = '{SECRET}'",
      "ATTACH TABLE x UUID '11111111-1111-1111-1111-111111111111' (a String) ENGINE = MergeTree ORDER BY a SETTINGS disk = disk(type = web, endpoint = 'http://{HOST}/a/')",
      "CREATE TABLE x (a String) ENGINE = MergeTree ORDER BY a SETTINGS disk = disk(type = local, path = '{OUT}/')",
      "CREATE TABLE x (a String) ENGINE = MergeTree ORDER BY a SETTINGS `d\\x69sk` = /* */ DISK(type = object_storage, object_storage_type = local, metadata_type = local, path = '{OUT}/')",
      "CREATE DATABASE x ENGINE = Atomic SETTINGS disk = disk(type = local, path = '{OUT}/')",
      "ALTER TABLE t MODIFY SETTING disk = disk(type = local, path = '{OUT}/')",
      "CREATE VIEW x AS SELECT * APPLY(file) FROM (SELECT '{SECRET}')",
      "CREATE TABLE x (d DateTime, a String, b String) ENGINE = MergeTree ORDER BY a TTL d GROUP BY a SET b = max(file('{SECRET}'))",
      'SYSTEM SHUTDOWN',
      'SYSTEM RELOAD MODELS',
    ];
    for (const query of queries) await assertConfined(query);
  });

  test('accepts statements that stay within its folder', async () => {
    const queries = [
      "SELECT * FROM values('a String', ('file')) LIMIT 1 SETTINGS max_threads = 1",
      'SELECT number IN (SELECT number FROM numbers(3)) FROM numbers(2)',
      "SELECT count() FROM generateRandom('a String') LIMIT 0",
      "CREATE TABLE x (a String, url String COMMENT 'INTO OUTFILE') ENGINE = ReplacingMergeTree ORDER BY a COMMENT 'disk = disk('",
      "CREATE MATERIALIZED VIEW y ENGINE = MergeTree ORDER BY a AS SELECT a, format('{}', a) AS f FROM x",
      'INSERT INTO x SELECT a, a FROM t SETTINGS async_insert = 0',
      `INSERT INTO x VALUES ('{"file": "\`select\`"}', 'file(1)'), ('', ' "$$')`,
      "INSERT INTO x VALUES (concat('a', 'b'), lower('C'))",
      'CREATE DATABASE z ENGINE = Atomic',
      "CREATE TABLE k (a String) ENGINE = Kafka('127.0.0.1:1', 'topic', 'group', 'LineAsString')",
      'EXCHANGE TABLES x AND t',
      'EXCHANGE TABLES x AND t',
      'OPTIMIZE TABLE t FINAL',
      "KILL QUERY WHERE query_id = 'none'",
      'SYSTEM STOP MERGES t',
      'SET max_threads = 1',
      'DROP TABLE k',
      'SELECT * APPLY(max) FROM (SELECT a FROM t)',
      "SHOW TABLES WHERE name = 't'",
      'CREATE TABLE ttl (d DateTime, url String, file String) ENGINE = MergeTree ORDER BY url TTL d + INTERVAL 1 DAY',
      'SELECT arrayMap(x -> upper(x), [file]), tuple(a).*, file FROM (SELECT a, a AS file FROM t)',
    ];
    for (const query of queries) {
      const { code, text } = await ask(query, { max_result_rows: '1000', limit: '0' });
      assert.equal(code, undefined, `${query}: ${text}`);
    }
    assert.equal(
      (await ask("SELECT count() FROM x WHERE url IN ('file(1)', ' \"$$', 'c', 'kept')")).text,
      '4\n',
    );
  });

  test('changes nothing on a GET, whatever its settings', async () => {
    for (const value of ['0', '00', '+0', '-0', '0.0', ' 0', '', 'false', '3', '10', '1 '])
      assert.equal((await ask('DROP TABLE t', { readonly: value }, 'GET')).code, '164', value);
    const changing = [
      ...[
        'DROP TABLE t',
        'SET readonly = 0',
        'CREATE TEMPORARY TABLE x (a Int8)',
        "INSERT INTO t VALUES ('x')",
      ],
      ...[
        "KILL QUERY WHERE query_id = 'x'",
        'SYSTEM STOP MERGES t',
        'OPTIMIZE TABLE t',
        'INSERT INTO t SELECT 1',
      ],
      ...["INSERT INTO FUNCTION null('a String') SELECT 'x'", 'SELECT 1 SETTINGS readonly = 0', 'USE system'],
    ];
    for (const readonly of ['1', '2'])
      for (const query of changing)
        assert.equal((await ask(query, { readonly }, 'GET')).code, '164', `${query} ${readonly}`);
    assert.equal((await ask('SELECT * FROM t', { readonly: '2', max_threads: '1' }, 'GET')).text, 'kept\n');
    // With any method, the statement is the query in the URL followed by the body.
    const target = new URL(url);
    target.search = new URLSearchParams({ query: 'SELECT 1;' }).toString();
    for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
      const init = { method, body: 'DROP TABLE t', signal: AbortSignal.timeout(5_000) };
      const response = await fetch(target, init);
      assert.ok(response.headers.has('x-clickhouse-exception-code'), method);
    }
    const doubled = await fetch(`${url}/?readonly=1&readonly=0&query=DROP+TABLE+t`, {
      signal: AbortSignal.timeout(5_000),
    });
    assert.equal(doubled.headers.get('x-clickhouse-exception-code'), '164');
    assert.equal((await ask('SELECT * FROM t')).text, 'kept\n');
  });
});
