import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import test, { type TestContext } from 'node:test';
import { StorageTable } from '../../consumers/clickhouse/storage-table.ts';
import { readStreamSchema } from '../../core/avro/schema-files.ts';
import { createClickHouse } from '../../core/clickhouse.ts';
import { loadSettings } from '../../core/config.ts';
import { IncompatibleSchemaError } from '../../core/errors.ts';
import { createApiServer } from '../helpers/api-server.ts';

/** The table of plans on a server that answers every query alike. */
async function createTable(
  t: TestContext,
  answer: (query: URLSearchParams, response: ServerResponse) => void,
) {
  const { baseUrl } = await createApiServer(t, { '/': answer });
  const { clickhouse: settings } = loadSettings({ CLICKHOUSE_URL: baseUrl.replace('/v1', '') }, '');
  const client = createClickHouse(settings);
  t.after(() => client.close());
  return new StorageTable(client, settings, 'plans', new AbortController().signal);
}

test('an insert that the server puts off is tried again as the same block', async (t) => {
  const tokens: (string | null)[] = [];
  const table = await createTable(t, (query, response) => {
    tokens.push(query.get('insert_deduplication_token'));
    if (tokens.length > 1) response.end();
    else response.writeHead(500).end('Code: 252. DB::Exception: Too many parts. (TOO_MANY_PARTS)');
  });
  await table.insert([], Buffer.from('row'), 'token');
  assert.deepEqual(tokens, ['token', 'token']);
});

test('a schema is not taken for covered before the server shows its columns', async (t) => {
  const table = await createTable(t, (_, response) => response.end('{"name":"uuid","type":"String"}\n'));
  for (let tries = 0; tries < 2; tries++) {
    await assert.rejects(
      table.cover(1, readStreamSchema('plans')),
      (error) => error instanceof IncompatibleSchemaError && /plans_raw does not show/.test(error.message),
    );
  }
});
