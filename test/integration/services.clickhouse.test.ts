import type { ClickHouseError, createClient } from '@clickhouse/client';
import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { devNull, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, describe, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { compressFrameSync } from 'lz4-napi';
import { loadSettings } from '../../core/settings/config.ts';
import { clickhouseService } from '../../services/clickhouse.ts';
import { isTrueWithin } from '../../services/deadline.ts';
import { freePort } from '../../services/local-address.ts';
import { countOf, createTestClient, valuesOf } from '../helpers/clickhouse-client.ts';

/** Encodes an Int64 and a String of fewer than 128 bytes as a RowBinary row. */
function binaryRow(id: number, text: string): Buffer {
  const row = Buffer.alloc(9);
  row.writeBigInt64LE(BigInt(id));
  const bytes = Buffer.from(text);
  row.writeUInt8(bytes.length, 8);
  return Buffer.concat([row, bytes]);
}

const withCode = (code: string, type: string) => (error: ClickHouseError) => {
  assert.deepEqual({ code: error.code, type: error.type }, { code, type });
  return true;
};

describe('the local ClickHouse server', () => {
  let url: string;
  let folder: string;
  let stop: () => Promise<void>;
  let tables = 0;

  before(async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'services-clickhouse-'));
    url = `http://127.0.0.1:${await freePort()}`;
    folder = join(dataDir, 'services', 'clickhouse');
    const settings = loadSettings({ DATA_DIR: dataDir, CLICKHOUSE_URL: url }, devNull);
    const service = clickhouseService(settings, folder);
    await service.start(AbortSignal.timeout(30_000));
    stop = async () => {
      for (const process of service.processes) await process.stop();
      await rm(dataDir, { recursive: true, force: true });
    };
    assert.ok(await isTrueWithin(30_000, () => service.isReady()), 'ClickHouse is not ready');
  });

  after(() => stop());

  /** Creates a client and an empty table (id Int64, text String). */
  async function table(t: TestContext, options: Parameters<typeof createClient>[0] = {}) {
    const client = createTestClient(t, url, options);
    tables += 1;
    const name = `t${tables}`;
    await client.command({
      query: 'CREATE TABLE {name:Identifier} (id Int64, text String) ENGINE = MergeTree ORDER BY id',
      query_params: { name },
    });
    return { client, name };
  }

  async function curl(query: string, init: RequestInit & { search?: Record<string, string> } = {}) {
    const target = new URL(url);
    target.search = new URLSearchParams(init.search).toString();
    const response = await fetch(target, {
      method: 'POST',
      body: query,
      ...init,
      signal: AbortSignal.timeout(30_000),
    });
    return { response, text: await response.text() };
  }

  test('answers a ping', async (t) => {
    assert.deepEqual(await createTestClient(t, url).ping(), { success: true });
    assert.equal(await (await fetch(`${url}/ping`, { signal: AbortSignal.timeout(5_000) })).text(), 'Ok.\n');
  });

  test('stores an array of objects and reports the number of rows', async (t) => {
    const { client, name } = await table(t);
    const { summary } = await client.insert({
      table: name,
      values: [
        { id: 1, text: 'one' },
        { id: 2, text: 'zwei ✓' },
      ],
      format: 'JSONEachRow',
    });
    assert.equal(summary?.written_rows, '2');
    assert.deepEqual(await valuesOf(client, `SELECT text FROM ${name} ORDER BY id`), [
      { text: 'one' },
      { text: 'zwei ✓' },
    ]);
  });

  test('stores a stream of objects with compression in both directions', async (t) => {
    const { client, name } = await table(t, { compression: { request: true, response: true } });
    const rows = Array.from({ length: 20_000 }, (_, id) => ({ id, text: `row ${id}` }));
    await client.insert({ table: name, values: Readable.from(rows), format: 'JSONEachRow' });
    const read = await valuesOf<{ text: string }>(client, `SELECT text FROM ${name} ORDER BY id`);
    assert.equal(read.length, rows.length);
    assert.equal(read.at(-1)?.text, 'row 19999');
  });

  test('stores a binary stream unchanged even if it resembles SQL', async (t) => {
    const { client, name } = await table(t);
    const texts = ['FORMAT RowBinary', '\n', ';', "'", '--', 'VALUES', ''];
    const { stream, summary } = await client.exec({
      query: `INSERT INTO ${name} (id, text) FORMAT RowBinary`,
      values: Readable.from(
        texts.map((text, id) => binaryRow(id, text)),
        { objectMode: false },
      ),
    });
    stream.resume();
    assert.equal(summary?.written_rows, String(texts.length));
    const rows = await valuesOf<{ text: string }>(client, `SELECT text FROM ${name} ORDER BY id`);
    assert.deepEqual(
      rows.map(({ text }) => text),
      texts,
    );
  });

  test('accepts an INSERT with its data in the query, in the body or from a SELECT', async (t) => {
    const { client, name } = await table(t);
    await curl(`INSERT INTO ${name} VALUES (1, 'a'), (1 + 1, concat('b', 'c'))`);
    await curl(`INSERT INTO ${name} (text, id) SETTINGS async_insert = 0 FORMAT CSV\n"d,e",3\n`);
    await curl('{"id":4,"text":"f"}', { search: { query: `INSERT INTO ${name} FORMAT JSONEachRow` } });
    await curl(`INSERT INTO ${name} FORMAT TabSeparated\n5\tg`);
    await curl(`INSERT INTO ${name} SELECT 6, 'h'`);
    const rows = await valuesOf<{ text: string }>(client, `SELECT text FROM ${name} ORDER BY id`);
    assert.deepEqual(
      rows.map(({ text }) => text),
      ['a', 'bc', 'd,e', 'f', 'g', 'h'],
    );
  });

  test('accepts a body that is compressed with gzip', async (t) => {
    const { client, name } = await table(t);
    const body = gzipSync(`INSERT INTO ${name} VALUES (1, 'small')`);
    const { response } = await curl('', { body, headers: { 'Content-Encoding': 'gzip' } });
    assert.equal(response.status, 200);
    assert.equal(await countOf(client, name), 1);
  });

  test('accepts a body of LZ4 frames, as the Python client sends it', async (t) => {
    const { client, name } = await table(t);
    const send = (body: Buffer, search: Record<string, string> = {}) =>
      curl('', { body: Uint8Array.from(body), headers: { 'Content-Encoding': 'lz4' }, search });
    const frames = ['(id, text) FORMAT CSV\n1,one\n', '', '2,zwei ✓\n', `3,${'x'.repeat(3_000_000)}\n`];
    const whole = `INSERT INTO ${name} ${frames.join('|')}`.split('|').map((text) => Buffer.from(text));
    const answer = await send(Buffer.concat(whole.map((text) => compressFrameSync(text))));
    assert.equal(answer.response.status, 200, answer.text);
    const query = `INSERT INTO ${name} FORMAT CSV`;
    await send(compressFrameSync(Buffer.from('4,data alone\n')), { query });
    const rows = await valuesOf<{ text: string }>(
      client,
      `SELECT left(text, 9) AS text FROM ${name} ORDER BY id`,
    );
    assert.deepEqual(
      rows.map(({ text }) => text),
      ['one', 'zwei ✓', 'xxxxxxxxx', 'data alon'],
    );
    const frame = compressFrameSync(Buffer.from(`INSERT INTO ${name} FORMAT CSV\n5,five\n6,six\n`));
    const damaged = [
      Buffer.from('no frame'),
      frame.subarray(0, -5),
      Buffer.concat([frame, Buffer.from([1])]),
    ];
    for (const body of damaged)
      assert.match((await send(body)).text, /Code: 271\..*does not consist of LZ4 frames/);
    assert.match((await curl('', { headers: { 'Content-Encoding': 'zstd' } })).text, /Code: 48\./);
    assert.equal(await countOf(client, name), 4);
  });

  test('accepts a query and its parameters as a form', async (t) => {
    const { client, name } = await table(t);
    const send = (fields: Record<string, string | Blob>, search: Record<string, string> = {}) => {
      const body = new FormData();
      for (const [field, value] of Object.entries(fields)) body.append(field, value);
      return curl('', { body, search });
    };
    const text = `it's ✓ ${'x'.repeat(300_000)}`;
    const query = 'SELECT {text:String} = {again:String}, length({text:String})';
    assert.equal((await send({ query, param_text: text, param_again: text })).text, '1\t300009\n');
    assert.equal((await send({ param_n: '7' }, { query: 'SELECT {n:Int8}' })).text, '7\n');
    await send({ query: `INSERT INTO ${name} SELECT {n:Int64}, 'form'`, param_n: '1' });
    assert.deepEqual(await valuesOf(client, `SELECT text FROM ${name}`), [{ text: 'form' }]);
    assert.match((await send({ query: 'SELECT 1; SELECT 2' })).text, /Multi-statements are not allowed/);
    assert.match((await send({ t: new Blob(['1\n']) }, { query: 'SELECT * FROM t' })).text, /Code: 48\./);
    const headers = { 'Content-Type': 'multipart/form-data; boundary=x' };
    const broken = await curl('not a form', { headers, search: { query: 'SELECT 1' } });
    assert.match(broken.text, /Code: 62\..*not a valid form/);
  });

  test('rejects a body that is not valid gzip', async () => {
    const { response } = await curl('SELECT 1', { headers: { 'Content-Encoding': 'gzip' } });
    assert.equal(response.status, 500);
  });

  test('binds parameters as values, never as SQL', async (t) => {
    const client = createTestClient(t, url);
    const text = `it's; \\ "quoted"\ttab\n-- {x:Int8}`;
    const result = await client.query({
      query: 'SELECT {text:String} AS text, {ids:Array(Int64)} AS ids, {none:Nullable(String)} AS none',
      query_params: { text, ids: [1, 2], none: null },
      format: 'JSONEachRow',
    });
    assert.deepEqual(await result.json(), [{ text, ids: [1, 2], none: null }]);
  });

  test('binds a parameter that is longer than the query size limit', async () => {
    const search = { param_text: 'x'.repeat(300_000) };
    assert.equal((await curl('SELECT length({text:String})', { search })).text, '300000\n');
  });

  test('binds parameters of concurrent queries separately', async (t) => {
    const client = createTestClient(t, url);
    const ask = async (value: number) => {
      const query = 'SELECT {value:Int32} + sleep(0.01) AS value';
      const result = await client.query({ query, query_params: { value }, format: 'JSONEachRow' });
      return (await result.json<{ value: number }>())[0]?.value;
    };
    const values = Array.from({ length: 40 }, (_, value) => value);
    assert.deepEqual(await Promise.all(values.map(ask)), values);
  });

  test('keeps 64-bit integers exact', async (t) => {
    const { client, name } = await table(t);
    await client.insert({
      table: name,
      values: [{ id: '9007199254740993', text: '' }],
      format: 'JSONEachRow',
    });
    const result = await client.query({
      query: `SELECT id FROM ${name}`,
      format: 'JSONEachRow',
      clickhouse_settings: { output_format_json_quote_64bit_integers: 1 },
    });
    assert.deepEqual(await result.json(), [{ id: '9007199254740993' }]);
  });

  test('returns each format with its content type', async () => {
    const expected = {
      JSON: ['application/json; charset=UTF-8', /"data"[\s\S]*"rows": 2/],
      JSONEachRow: ['application/x-ndjson; charset=UTF-8', /^\{"number":0\}\n\{"number":1\}\n$/],
      CSVWithNames: ['text/csv; charset=UTF-8; header=present', /^"number"\n0\n1\n$/],
      Parquet: ['application/octet-stream', /^PAR1/],
    } as const;
    for (const [format, [type, text]] of Object.entries(expected)) {
      const answer = await curl(`SELECT number FROM numbers(2) FORMAT ${format}`);
      assert.equal(answer.response.headers.get('content-type'), type);
      assert.equal(answer.response.headers.get('x-clickhouse-format'), format);
      assert.match(answer.text, text);
    }
    const { text } = await curl('SELECT 1 AS a', { search: { default_format: 'JSONEachRow' } });
    assert.equal(text, '{"a":1}\n');
  });

  test('returns rows for statements other than SELECT', async (t) => {
    const { name } = await table(t);
    assert.match((await curl('SHOW TABLES')).text, new RegExp(`^${name}$`, 'm'));
    assert.match((await curl(`SHOW COLUMNS FROM ${name}`)).text, /^id\tInt64/);
    assert.match((await curl(`DESCRIBE TABLE ${name}`)).text, /^id\tInt64/);
    assert.match((await curl(`SHOW CREATE TABLE ${name} FORMAT TSVRaw`)).text, /^CREATE TABLE/);
    assert.equal((await curl(`EXISTS TABLE ${name}`)).text, '1\n');
    assert.equal((await curl('(SELECT 1) UNION ALL (SELECT 1)')).text, '1\n1\n');
    assert.equal((await curl('WITH 5 AS five SELECT five')).text, '5\n');
    assert.equal((await curl(`OPTIMIZE TABLE ${name} FINAL`)).text, '');
  });

  test('streams a result of many blocks as one valid document', async (t) => {
    const client = createTestClient(t, url, { compression: { response: true } });
    const result = await client.query({
      query: 'SELECT number FROM numbers(300000)',
      format: 'CSVWithNames',
    });
    const lines = (await result.text()).trimEnd().split('\n');
    assert.equal(lines.length, 300_001);
    assert.equal(lines.filter((line) => line.includes('number')).length, 1);
  });

  test('reports the code, name and status of a failed query', async (t) => {
    const client = createTestClient(t, url);
    await assert.rejects(client.command({ query: 'SELEC 1' }), withCode('62', 'SYNTAX_ERROR'));
    await assert.rejects(
      client.command({ query: 'SELECT * FROM nowhere.t' }),
      withCode('81', 'UNKNOWN_DATABASE'),
    );
    await assert.rejects(client.command({ query: 'SELECT * FROM nothing' }), withCode('60', 'UNKNOWN_TABLE'));
    await assert.rejects(client.command({ query: "SELECT toInt8('x')" }), withCode('6', 'CANNOT_PARSE_TEXT'));
    const statuses = ['SELEC 1', 'SELECT * FROM nothing', 'SELECT throwIf(1)', ''].map(async (query) => {
      const { response } = await curl(query);
      return [response.status, response.headers.get('x-clickhouse-exception-code')];
    });
    const expected = [
      [400, '62'],
      [404, '60'],
      [500, '395'],
      [400, '62'],
    ];
    assert.deepEqual(await Promise.all(statuses), expected);
  });

  test('reports an error after many rows as an error, not as a truncated result', async (t) => {
    const query = 'SELECT throwIf(number = 250000) FROM numbers(300000)';
    await assert.rejects(
      createTestClient(t, url).query({ query }),
      withCode('395', 'FUNCTION_THROW_IF_VALUE_IS_NON_ZERO'),
    );
  });

  test('names the invalid row of an INSERT, and discards the INSERT', async (t) => {
    const { client, name } = await table(t);
    const { response, text } = await curl(`INSERT INTO ${name} FORMAT JSONEachRow {"id":1}\n{"id":"x"}`);
    assert.ok(response.status >= 400);
    assert.match(text, /at row 2/);
    assert.equal(await countOf(client, name), 0);
  });

  test('rejects two statements in one query', async () => {
    const { response, text } = await curl('SELECT 1; SELECT 2');
    assert.equal(response.status, 400);
    assert.match(text, /Multi-statements are not allowed/);
    assert.equal((await curl('SELECT 1;  -- and no more\n')).text, '1\n');
  });

  test('changes nothing on a GET or with readonly=1', async (t) => {
    const { client, name } = await table(t);
    const viaGet = await fetch(`${url}/?query=DROP%20TABLE%20${name}`, {
      signal: AbortSignal.timeout(5_000),
    });
    assert.equal(viaGet.headers.get('x-clickhouse-exception-code'), '164');
    const search = { readonly: '1' };
    for (const query of [`DROP TABLE ${name}`, `INSERT INTO ${name} VALUES (1, '')`, 'SET max_threads = 1']) {
      const { response } = await curl(query, { search });
      assert.equal(response.headers.get('x-clickhouse-exception-code'), '164', query);
    }
    assert.equal((await curl(`SELECT count() FROM ${name}`, { search })).text, '0\n');
    assert.equal(await countOf(client, name), 0);
  });

  test('applies settings and database to one query only', async (t) => {
    const client = createTestClient(t, url);
    await client.command({ query: 'CREATE DATABASE IF NOT EXISTS other' });
    const search = { max_threads: '7', database: 'other' };
    const query = "SELECT getSetting('max_threads'), currentDatabase()";
    assert.equal((await curl(query, { search })).text, '7\tother\n');
    assert.match((await curl(query)).text, /^\d+\tdefault\n$/);
    assert.doesNotMatch((await curl(query)).text, /^7\t/);
    assert.equal((await curl('SELECT 1', { search: { no_such_setting: '1' } })).response.status, 404);
    assert.equal((await curl('SELECT 1', { search: { database: 'nowhere' } })).response.status, 404);
  });

  test('drops a retried insert with the same deduplication token', async (t) => {
    const client = createTestClient(t, url);
    await client.command({
      query: `CREATE TABLE once (id Int64) ENGINE = MergeTree ORDER BY id
              SETTINGS non_replicated_deduplication_window = 100`,
    });
    for (const values of [[{ id: 1 }], [{ id: 1 }]]) {
      const clickhouse_settings = { insert_deduplication_token: 'batch-1', async_insert: 0 } as const;
      await client.insert({ table: 'once', values, format: 'JSONEachRow', clickhouse_settings });
    }
    assert.equal(await countOf(client, 'once'), 1);
  });

  test('supports ReplacingMergeTree, FINAL views, EXCHANGE TABLES and system.columns', async (t) => {
    const client = createTestClient(t, url);
    const create = (name: string) =>
      `CREATE TABLE ${name} (id Int64, v Int64) ENGINE = ReplacingMergeTree(v) ORDER BY id`;
    const queries = [
      create('left_raw'),
      create('right_raw'),
      'CREATE VIEW latest AS SELECT * FROM left_raw FINAL',
      'INSERT INTO left_raw SELECT 1, 1',
      'INSERT INTO left_raw SELECT 1, 2',
      'INSERT INTO right_raw SELECT 1, 30',
    ];
    for (const query of queries) await client.command({ query });
    const latest = () => valuesOf(client, 'SELECT toInt32(v) AS v FROM latest');
    assert.deepEqual(await latest(), [{ v: 2 }]);
    await client.command({ query: 'EXCHANGE TABLES left_raw AND right_raw' });
    assert.deepEqual(await latest(), [{ v: 30 }]);
    const columns = "SELECT name FROM system.columns WHERE table = 'latest' ORDER BY position";
    assert.deepEqual(await valuesOf(client, columns), [{ name: 'id' }, { name: 'v' }]);
  });

  test('answers queries during a large insert', async (t) => {
    const { client, name } = await table(t);
    const rows = Buffer.concat(Array.from({ length: 50_000 }, (_, id) => binaryRow(id, 'some text')));
    const values = Readable.from(Array<Buffer>(20).fill(rows), { objectMode: false });
    const insert = client
      .exec({ query: `INSERT INTO ${name} FORMAT RowBinary`, values })
      .then(({ stream }) => stream.resume())
      .then(() => 'insert' as const);
    const query = () => valuesOf(client, 'SELECT 1 AS one').then(() => 'query' as const);
    let answers = 0;
    while ((await Promise.race([insert, query()])) === 'query') answers += 1;
    assert.ok(answers > 0, 'no query was answered during the insert');
    assert.equal(await countOf(client, name), 1_000_000);
  });

  test('discards an insert whose client disconnects', async (t) => {
    const { client, name } = await table(t);
    const abort = new AbortController();
    async function* endless() {
      for (let id = 0; ; id += 1) {
        if (id === 50_000) abort.abort();
        yield binaryRow(id, 'x'.repeat(100));
        if (id % 1_000 === 0) await sleep(1);
      }
    }
    const insert = client.exec({
      query: `INSERT INTO ${name} FORMAT RowBinary`,
      values: Readable.from(endless(), { objectMode: false }),
      abort_signal: abort.signal,
    });
    await assert.rejects(insert);
    assert.equal(await countOf(client, name), 0);
  });

  test('leaves no file behind', async (t) => {
    const spool = join(folder, 'spool');
    await isTrueWithin(5_000, async () => (await readdir(spool)).length === 0);
    assert.deepEqual(await readdir(spool), []);
    assert.deepEqual(await createTestClient(t, url).ping(), { success: true });
  });
});
