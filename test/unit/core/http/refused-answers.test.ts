import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import test, { type TestContext } from 'node:test';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { Registry } from '../../../../core/avro/registry.ts';
import {
  clickHouseError,
  createClickHouse,
  probeClickHouse,
  type ClickHouseClient,
} from '../../../../core/clickhouse/client.ts';
import { Secret } from '../../../../core/settings/secret.ts';
import { ChartMogulClient } from '../../../../producers/chartmogul/client.ts';
import { noSignal } from '../../../helpers/settings.ts';

const MIB = 1024 * 1024;
const oneAttempt: { readonly attempts: number; readonly firstDelayMs: number; readonly maxDelayMs: number } =
  {
    attempts: 1,
    firstDelayMs: 1,
    maxDelayMs: 1,
  };

type Answer = (incoming: IncomingMessage, answer: ServerResponse) => void;

async function serve(t: TestContext, answer: Answer) {
  const server = createServer((incoming, response) => {
    incoming.resume();
    response.on('error', () => undefined);
    answer(incoming, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    server,
    credentials: { username: 'ann', password: new Secret('planted-passw0rd') },
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  };
}

const echo = ({ headers }: IncomingMessage) =>
  `<html>\u001b]52;c;x\u0007 ${headers.authorization ?? ''} planted-passw0rd ${'<p>x</p>'.repeat((2 * MIB) / 8)}`;
const html = (status: number, encoding?: 'gzip' | 'br'): Answer => {
  return (incoming, answer) => {
    const body = echo(incoming);
    answer.writeHead(status, {
      'content-type': 'text/html',
      ...(encoding && { 'content-encoding': encoding }),
    });
    answer.end(encoding === 'gzip' ? gzipSync(body) : encoding === 'br' ? brotliCompressSync(body) : body);
  };
};
const endless: Answer = (incoming, answer) => {
  answer.writeHead(502, { 'content-type': 'text/html' });
  const more = () => {
    while (!answer.destroyed && answer.write(echo(incoming)));
  };
  answer.on('drain', more);
  more();
};
const torn: Answer = (_, answer) => {
  answer.writeHead(503, { 'content-type': 'text/html', 'content-length': 1_000 });
  answer.write('<html>planted-passw0rd', () => answer.destroy());
};
const stalled: Answer = (_, answer) => {
  answer.writeHead(500, { 'content-type': 'text/html' }).write('<html>planted-passw0rd');
};
const bomb: Answer = (_, answer) => {
  answer
    .writeHead(500, { 'content-encoding': 'gzip' })
    .end(gzipSync(Buffer.alloc(64 * MIB, 'planted-passw0rd ')));
};

const statuses: readonly (readonly [string, Answer, string, RegExp])[] = [
  ['401 as HTML', html(401), 'ServiceRefusedError', /401 \(text\/html.*_USERNAME and .*_PASSWORD/],
  ['403 as HTML', html(403), 'ServiceRefusedError', /403 \(text\/html.*_USERNAME and .*_PASSWORD/],
  ['407 as HTML', html(407), 'ServiceRefusedError', /407 .*HTTPS_PROXY or HTTP_PROXY/],
  ['502 as HTML', html(502), 'ServiceUnavailableError', /502 \(text\/html/],
  ['502 as gzip', html(502, 'gzip'), 'ServiceUnavailableError', /502 \(text\/html/],
  ['502 as brotli', html(502, 'br'), 'ServiceUnavailableError', /502 \(text\/html/],
  ['an endless body', endless, 'ServiceUnavailableError', /502 \(text\/html/],
  ['a truncated body', torn, 'ServiceUnavailableError', /503/],
  ['a body that stalls', stalled, 'ServiceUnavailableError', /500 \(text\/html/],
  ['a decompression bomb', bomb, 'ServiceUnavailableError', /500 \(no content type/],
];

function check(error: unknown, name: string, message: RegExp): true {
  assert.ok(error instanceof Error);
  assert.equal(error.name, name, error.message);
  assert.match(error.message, message);
  assert.doesNotMatch(error.message, /planted|services -- up|does not respond|\p{Cc}/u);
  assert.ok(!error.message.includes(Buffer.from('ann:planted-passw0rd').toString('base64').slice(6, 20)));
  assert.ok(error.message.length < 700, `${error.message.length} characters`);
  return true;
}

const calls: Readonly<Record<string, (client: ClickHouseClient) => Promise<unknown>>> = {
  query: (client) => client.query({ query: 'SELECT 1' }),
  command: (client) => client.command({ query: 'SELECT 1' }),
  exec: (client) => client.exec({ query: 'SELECT 1' }),
  insert: (client) =>
    client.exec({ query: 'INSERT INTO t FORMAT RowBinary', values: Readable.from([Buffer.alloc(10)]) }),
};

for (const [name, answer, error, message] of statuses) {
  test(
    `the ClickHouse client turns ${name} into a short error without secrets`,
    { timeout: 30_000 },
    async (t) => {
      const { url, credentials } = await serve(t, answer);
      const settings = { url, credentials, database: 'd', cluster: undefined };
      const client = createClickHouse(settings);
      t.after(() => client.close());
      await Promise.all(
        Object.values(calls).map((call) =>
          assert.rejects(call(client), (thrown) => check(clickHouseError(thrown, settings), error, message)),
        ),
      );
    },
  );

  test(`the registry client turns ${name} into a short error without secrets`, async (t) => {
    const { url, credentials } = await serve(t, answer);
    const registry = new Registry({ url, credentials }, noSignal);
    await assert.rejects(registry.probe(oneAttempt), (thrown) => check(thrown, error, message));
  });
}

test('a page with status 200 is not mistaken for a ClickHouse version, and no secret is shown', async (t) => {
  const settings = { ...(await serve(t, html(200))), database: 'd', cluster: undefined };
  const client = createClickHouse(settings);
  t.after(() => client.close());
  await assert.rejects(probeClickHouse(client, settings, noSignal), (thrown) =>
    check(thrown, 'ServiceRefusedError', /returned an unexpected response: no version \(.*begins "<html>/),
  );
});

test('an endless response that echoes the API key is read only up to a limit and is not shown', async (t) => {
  const { url } = await serve(t, endless);
  const key = new Secret('planted-key');
  const settings = { apiKey: key, baseUrl: url, maxRequestsPerSecond: 1_000 };
  const client = new ChartMogulClient(settings, noSignal, oneAttempt);
  t.after(() => client.close());
  await assert.rejects(client.get('/plans'), (thrown) =>
    check(thrown, 'SourceUnavailableError', /502 \(text\/html/),
  );
});

const exception =
  'Code: 516. DB::Exception: ann: Authentication failed. (AUTHENTICATION_FAILED) (version 25.8)';
const own: readonly (readonly [string, number, Readonly<Record<string, string>>, string, RegExp])[] = [
  [
    'its header and text',
    403,
    { 'x-clickhouse-exception-code': '516' },
    exception,
    /code 516 \(AUTHENTICATION_FAILED\).*CLICKHOUSE_PASSWORD/,
  ],
  ['its text', 403, {}, exception, /code 516 \(AUTHENTICATION_FAILED\).*CLICKHOUSE_PASSWORD/],
  ['its header despite status 200', 200, { 'x-clickhouse-exception-code': '516' }, exception, /code 516/],
  [
    'text whose end is not read',
    500,
    {},
    `Code: 62. DB::Exception: ${'x'.repeat(MIB)} (SYNTAX_ERROR)`,
    /code 62 /,
  ],
  ['its header', 500, { 'x-clickhouse-exception-code': '193' }, '', /code 193 .*CLICKHOUSE_PASSWORD/],
  [
    'its text for a missing database',
    404,
    {},
    'Code: 81. DB::Exception: Database d does not exist. (UNKNOWN_DATABASE)',
    /code 81 .*npm run sink.*CLICKHOUSE_DATABASE/,
  ],
  [
    'its text for a missing privilege',
    403,
    {},
    'Code: 497. DB::Exception: ann: Not enough privileges. (ACCESS_DENIED)',
    /code 497 .*CLICKHOUSE_USERNAME lacks a privilege/,
  ],
];
for (const [name, status, headers, body, message] of own) {
  test(`a ClickHouse error is recognized by ${name}`, async (t) => {
    const { url, credentials, server } = await serve(t, (_, answer) =>
      answer.writeHead(status, headers).end(body),
    );
    let connections = 0;
    server.on('connection', () => connections++);
    const settings = { url, credentials, database: 'd', cluster: undefined };
    const client = createClickHouse(settings);
    t.after(() => client.close());
    for (const call of [calls['query'], calls['query'], calls['command']]) {
      await assert.rejects(
        async () => call?.(client),
        (thrown) => {
          const error = clickHouseError(thrown, settings);
          assert.equal(error.name, 'ServiceRefusedError');
          assert.match(error.message, message);
          return true;
        },
      );
    }
    // A body that is read in full leaves the connection open.
    if (body.length < MIB) assert.equal(connections, 1);
  });
}

test('an abort ends a request while its error body is being read', async (t) => {
  const { url, credentials } = await serve(t, (_, answer) => answer.writeHead(502).write('begins'));
  const client = createClickHouse({ url, credentials, database: 'd', cluster: undefined });
  t.after(() => client.close());
  const abort = new AbortController();
  const asked = client.query({ query: 'SELECT 1', abort_signal: abort.signal });
  setTimeout(() => abort.abort(), 100);
  await assert.rejects(asked, /abort/i);
});
