import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type TestContext } from 'node:test';
import { Database } from '../../../../core/clickhouse/database.ts';
import { loadSettings } from '../../../../core/settings/config.ts';
import { readMrrReport } from '../../../../operations/mrr/read-mrr-report.ts';
import { ReadOnlyQueries } from '../../../../operations/query/read-only-queries.ts';
import { noSignal } from '../../../helpers/settings.ts';

const owner = { CLICKHOUSE_USERNAME: 'owner', CLICKHOUSE_PASSWORD: 'owner-secret' };
const reader = { CLICKHOUSE_READER_USERNAME: 'reader', CLICKHOUSE_READER_PASSWORD: 'reader-secret' };

/** Starts a server that records the login of every request and answers with `body`. */
async function recordLogins(t: TestContext, status: number, body: string) {
  const logins = new Set<string>();
  const server = createServer((request, response) => {
    const encoded = request.headers.authorization?.replace(/^Basic /, '') ?? '';
    logins.add(Buffer.from(encoded, 'base64').toString('utf8'));
    request.resume();
    response.writeHead(status).end(body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const settingsOf = (env: NodeJS.ProcessEnv) =>
    loadSettings({ ...env, CLICKHOUSE_URL: url, DATA_DIR: '/nowhere' }, '').clickhouse;
  return { logins, settingsOf };
}

for (const [name, env, login] of [
  ['the reader if one is configured', { ...owner, ...reader }, 'reader:reader-secret'],
  ['the usual user if no reader is configured', owner, 'owner:owner-secret'],
] as const) {
  test(`queries and the MRR report are sent as ${name}`, async (t) => {
    const { logins, settingsOf } = await recordLogins(t, 200, '');
    const queries = new ReadOnlyQueries(settingsOf(env));
    t.after(() => queries.close());
    await queries.tables(noSignal);
    await queries.vocabulary(noSignal);
    await assert.rejects(queries.rows('SELECT 1', { signal: noSignal }));
    await readMrrReport(settingsOf(env), 12, noSignal);
    assert.deepEqual([...logins], [login]);
  });
}

test('Database connects as the usual user even if a reader is configured', async (t) => {
  const { logins, settingsOf } = await recordLogins(t, 200, '25.8.1.1');
  const database = await Database.connect(settingsOf({ ...owner, ...reader }), noSignal);
  await database.close();
  assert.deepEqual([...logins], ['owner:owner-secret']);
});

test('the error for a rejected reader names the settings of the reader', async (t) => {
  const refusal = 'Code: 516. DB::Exception: Authentication failed. (AUTHENTICATION_FAILED)';
  for (const body of [refusal, 'go away']) {
    const { settingsOf } = await recordLogins(t, 403, body);
    const queries = new ReadOnlyQueries(settingsOf({ ...owner, ...reader }));
    t.after(() => queries.close());
    await assert.rejects(
      queries.tables(noSignal),
      /check CLICKHOUSE_READER_USERNAME and CLICKHOUSE_READER_PASSWORD/,
    );
  }
});
