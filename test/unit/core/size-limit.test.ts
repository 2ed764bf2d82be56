import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import test, { type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { loadSettings } from '../../../core/settings/config.ts';
import { inTurn, sizeLimit } from '../../../core/size-limit.ts';
import { runShell } from '../../helpers/command.ts';

const MIB = 1024 * 1024;

/** Memory allowed for tsx, libraries and uncollected garbage in the process that runs a case. */
const BASE_MIB = 300;

async function outcomesOf(t: TestContext, kind: string, address = '') {
  const line = `exec node --import tsx test/fixtures/hostile-bytes.ts ${JSON.stringify(kind)} ${address}`;
  const { stdout, stderr } = await runShell(t, line, { PATH: process.env['PATH'] });
  assert.notEqual(stdout, '', stderr);
  const { outcomes, peakMib } = JSON.parse(stdout) as { outcomes: string[][]; peakMib: number };
  t.diagnostic(`${kind}: ${peakMib} MiB`);
  return { outcomes, peakMib };
}

/** Starts a server that answers with `respond` and tolerates hang-ups. Returns its URL. */
async function serverOf(
  t: TestContext,
  respond: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
) {
  const server = createServer((request, response) => {
    request.resume();
    respond(request, response).catch(() => response.destroy());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Yields `mib` MiB without a line break. */
function* digits(mib: number) {
  const chunk = Buffer.alloc(MIB, '1');
  for (let index = 0; index < mib; index++) yield chunk;
}

test('the batches of one fetch never exceed the memory limit, whatever their decompressed size', async (t) => {
  const { outcomes, peakMib } = await outcomesOf(t, 'batches');
  const reason =
    'the record batch at offset 10 cannot be read: its compression is GZIP: a batch decompresses to more than 48 MiB (MAX_DECODED_MIB)';
  assert.deepEqual(outcomes, [
    // Each batch is larger than the limit.
    [reason, reason, reason, reason],
    // Each batch is smaller: one is decoded, and the others are fetched again.
    ['1 messages', '0 messages', '0 messages', '0 messages'],
    // Each batch has few bytes but many messages.
    ['1 messages', '0 messages', '0 messages', '0 messages'],
  ]);
  assert.ok(peakMib < BASE_MIB + 200, `${peakMib} MiB`);
});

test('responses from ChartMogul, the registry and ClickHouse are cut off at the limit', async (t) => {
  const bomb = gzipSync(Buffer.alloc(200 * MIB));
  let asked = 0;
  const address = await serverOf(t, async ({ url = '' }, response) => {
    if (url.startsWith('/customers')) {
      response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(bomb);
      return;
    }
    // ClickHouse first answers with one row, and then with an error.
    const status = url.startsWith('/?') && asked++ > 0 ? 500 : 200;
    response.writeHead(status, { 'content-type': 'application/json' });
    await pipeline(Readable.from(digits(300)), response);
  });
  const { outcomes, peakMib } = await outcomesOf(t, 'answers', address);
  const registry = `the schema registry at ${address} (SCHEMA_REGISTRY_URL) returned an unexpected response for`;
  const tooLarge = 'more than 48 MiB (MAX_DECODED_MIB)';
  const clickhouse = `ClickHouse at ${address} (CLICKHOUSE_URL) returned an unexpected response: ${tooLarge}`;
  assert.deepEqual(outcomes, [
    Array.from({ length: 4 }, () => `/customers returned ${tooLarge}`),
    [`${registry} /schemas/ids/1: ${tooLarge}`, `${registry} subject s: ${tooLarge}`],
    [
      clickhouse,
      // Only the beginning of an error is read.
      `ClickHouse at ${address} (CLICKHOUSE_URL), or a proxy in front of it, returned 500 (application/json, begins "${'1'.repeat(120)}…"): check that it is the HTTP interface of ClickHouse and that the server is healthy`,
    ],
  ]);
  assert.ok(peakMib < BASE_MIB + 200, `${peakMib} MiB`);
});

test('MAX_DECODED_MIB applies to the whole process', () => {
  loadSettings({ MAX_DECODED_MIB: '7' }, '');
  assert.equal(sizeLimit(), 7 * MIB);
  loadSettings({}, '');
  assert.equal(sizeLimit(), 128 * MIB);
  assert.throws(
    () => loadSettings({ MAX_DECODED_MIB: '0' }, ''),
    /^ConfigError: MAX_DECODED_MIB must be .*; got "0"/,
  );
});

test('decompressions run one at a time, even after a failure', async () => {
  let running = 0;
  const work = async (index: number) => {
    assert.equal(++running, 1);
    await new Promise(setImmediate);
    running--;
    if (index % 2 === 0) throw new Error('fails');
  };
  const outcomes = await Promise.allSettled(Array.from({ length: 6 }, (_, index) => inTurn(work, index)));
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 3);
});
