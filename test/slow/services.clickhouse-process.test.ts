import type { ClickHouseError } from '@clickhouse/client';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countOf, createTestClient, valuesOf } from '../helpers/clickhouse-client.ts';
import { endServer, ownServer, startServer } from '../helpers/own-clickhouse.ts';

const withCode = (code: string, type: string) => (error: ClickHouseError) => {
  assert.deepEqual({ code: error.code, type: error.type }, { code, type });
  return true;
};

test('ClickHouse accepts only requests with the password, regardless of how it is sent', async (t) => {
  const env = { CLICKHOUSE_USERNAME: 'etl', CLICKHOUSE_PASSWORD: 'p:ä' };
  const server = await ownServer(t, env);
  const right = createTestClient(t, server.url, { username: 'etl', password: 'p:ä' });
  assert.deepEqual(await valuesOf(right, 'SELECT 1 AS one'), [{ one: 1 }]);

  const wrong = createTestClient(t, server.url, { username: 'etl', password: 'nope' });
  await assert.rejects(wrong.query({ query: 'SELECT 1' }), withCode('516', 'AUTHENTICATION_FAILED'));

  const status = async (search: string, headers: Record<string, string> = {}) =>
    (await fetch(`${server.url}/?query=SELECT%201${search}`, { headers, signal: AbortSignal.timeout(5_000) }))
      .status;
  assert.equal(await status(''), 403);
  assert.equal(await status(`&user=etl&password=${encodeURIComponent('p:ä')}`), 200);
  assert.equal(
    await status('', { Authorization: `Basic ${Buffer.from('etl:p:ä').toString('base64')}` }),
    200,
  );
});

test('ClickHouse keeps every acknowledged row after kill -9 during inserts', async (t) => {
  const server = await ownServer(t);
  const client = createTestClient(t, server.url);
  await client.command({ query: 'CREATE TABLE t (id Int64, text String) ENGINE = MergeTree ORDER BY id' });
  let acknowledged = 0;
  const insertUntilKilled = async () => {
    while (!server.child.killed || server.child.signalCode === null) {
      const values = Array.from({ length: 1_000 }, (_, row) => ({
        id: acknowledged * 1_000 + row,
        text: 'x',
      }));
      await client.insert({ table: 't', values, format: 'JSONEachRow' });
      acknowledged += 1;
      if (acknowledged === 20) server.child.kill('SIGKILL');
    }
  };
  await assert.rejects(insertUntilKilled());

  const again = await startServer(server.dataDir);
  t.after(() => endServer(again, 'SIGKILL'));
  const rows = await countOf(createTestClient(t, again.url), 't');
  assert.ok(
    rows === acknowledged * 1_000 || rows === (acknowledged + 1) * 1_000,
    `${rows} rows after ${acknowledged} acknowledged inserts`,
  );
});

test('ClickHouse finishes the running query on SIGTERM and exits with 0', async (t) => {
  const server = await ownServer(t);
  const client = createTestClient(t, server.url);
  const slow = valuesOf(client, 'SELECT sum(sleepEachRow(0.2)) AS zero FROM numbers(5)');
  await valuesOf(client, 'SELECT 1');
  const exitCode = endServer(server, 'SIGTERM');
  assert.deepEqual(await slow, [{ zero: 0 }]);
  assert.equal(await exitCode, 0);
});

test('ClickHouse rejects a data folder that another process has open', async (t) => {
  const server = await ownServer(t);
  await assert.rejects(startServer(server.dataDir), /another process has it open/);
});
