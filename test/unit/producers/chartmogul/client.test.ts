import assert from 'node:assert/strict';
import { once, setMaxListeners } from 'node:events';
import type { ServerResponse } from 'node:http';
import test, { type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { inspect } from 'node:util';
import { loadSettings } from '../../../../core/settings/config.ts';
import {
  AuthenticationError,
  ConfigError,
  SourceUnavailableError,
  UnexpectedAnswerError,
} from '../../../../core/errors.ts';
import { logger } from '../../../../core/logger.ts';
import { probeRetry } from '../../../../core/retry.ts';
import { ChartMogulClient } from '../../../../producers/chartmogul/client.ts';
import { createApiServer, type ApiAnswers } from '../../../helpers/api-server.ts';

logger.level = 'silent';

async function createClient(t: TestContext, answers: ApiAnswers, env: NodeJS.ProcessEnv = {}) {
  const { baseUrl, requests } = await createApiServer(t, answers);
  const { chartmogul } = loadSettings(
    { CHARTMOGUL_API_KEY: 'key', CHARTMOGUL_BASE_URL: baseUrl, ...env },
    '',
  );
  const stop = new AbortController();
  setMaxListeners(0, stop.signal);
  t.after(() => stop.abort());
  const policy = { attempts: 2, firstDelayMs: 1, maxDelayMs: 1 };
  return { client: new ChartMogulClient(chartmogul, stop.signal, policy), requests, stop };
}

test('the client waits for the Retry-After of a 429 before it repeats the request', async (t) => {
  let tries = 0;
  const { client } = await createClient(t, {
    '/plans': (_, response) => {
      if (++tries === 1) response.writeHead(429, { 'retry-after': '0.5' }).end();
      else response.end('{}');
    },
  });
  const startMs = performance.now();
  assert.deepEqual(await client.get('/plans'), {});
  assert.ok(performance.now() - startMs >= 499);
  assert.equal(tries, 2);
});

test('the client delays the 41st request within a second', async (t) => {
  const { client } = await createClient(t, { '/plans': '{}' });
  const startMs = performance.now();
  await Promise.all(Array.from({ length: 41 }, () => client.get('/plans')));
  assert.ok(performance.now() - startMs >= 1_000);
});

test('the client has at most 16 requests in flight', { timeout: 10_000 }, async (t) => {
  const open: ServerResponse[] = [];
  const full = new AbortController();
  const { client } = await createClient(
    t,
    {
      '/plans': (_, response) => {
        if (open.push(response) === 16) full.abort();
      },
    },
    { CHARTMOGUL_MAX_REQUESTS_PER_SECOND: '5000' },
  );
  for (let asked = 0; asked < 40; asked++) client.get('/plans').catch(() => {});
  await once(full.signal, 'abort');
  // Enough turns of the event loop for further requests to be sent.
  for (let turn = 0; turn < 5_000; turn++) await new Promise(setImmediate);
  assert.equal(open.length, 16);
});

test('the client retries truncated JSON, and its error does not repeat the body', async (t) => {
  const torn = '{"customers":[{"email":"ann@example.com"';
  let tries = 0;
  const { client } = await createClient(t, {
    '/healing': (_, response) => response.end(++tries === 1 ? torn : '{}'),
    '/torn': torn,
  });
  assert.deepEqual(await client.get('/healing'), {});
  await assert.rejects(
    client.get('/torn'),
    (error) => error instanceof SourceUnavailableError && !inspect(error).includes('ann@'),
  );
});

test('the client rejects JSON that is not an object', async (t) => {
  const { client } = await createClient(t, { '/plans': '[1]' });
  await assert.rejects(client.get('/plans'), UnexpectedAnswerError);
});

test('the client sends the key as the user name of Basic authentication, without a password', async (t) => {
  const { client } = await createClient(t, {
    '/ping': (_, response) => response.end(JSON.stringify({ was: response.req.headers.authorization })),
  });
  assert.deepEqual(await client.get('/ping'), { was: `Basic ${Buffer.from('key:').toString('base64')}` });
});

test('the client rejects a missing key and names the setting', () => {
  const { chartmogul } = loadSettings({}, '');
  assert.throws(
    () => new ChartMogulClient(chartmogul, new AbortController().signal),
    (error) => error instanceof ConfigError && error.message.startsWith('CHARTMOGUL_API_KEY is not set'),
  );
});

test('the client sends filters as a query and reports every attempt', async (t) => {
  let tries = 0;
  const { client, requests } = await createClient(t, {
    '/plans': (_, response) => response.writeHead(++tries === 1 ? 500 : 200).end('{}'),
  });
  const reported: string[] = [];
  await client.get(
    '/plans',
    { 'start-after': 'a b&c', per_page: 200, with_disabled: true },
    { onRequest: () => reported.push('request'), onRetry: (error) => reported.push(error.name) },
  );
  assert.deepEqual(reported, ['request', 'SourceUnavailableError', 'request']);
  const asked = requests.map((path) => [...new URL(path, 'http://h').searchParams]);
  const wanted = [
    ['start-after', 'a b&c'],
    ['per_page', '200'],
    ['with_disabled', 'true'],
  ];
  assert.deepEqual(asked, [wanted, wanted]);
});

/** Requests denied addresses. Returns the number of `/ping` requests and the distinct error names. */
async function denyAll(t: TestContext, statusOfPing: number, addresses: number) {
  let pings = 0;
  const { client } = await createClient(t, {
    '/ping': (_, response) => response.writeHead(statusOfPing, {}).end(`{"pings":${++pings}}`),
    ...Object.fromEntries(
      Array.from({ length: addresses }, (_, index) => [
        `/denied/${index}`,
        (_: URLSearchParams, response: ServerResponse) => response.writeHead(403).end(),
      ]),
    ),
  });
  const failures = await Promise.all(
    Array.from({ length: addresses }, (_, index) =>
      client.get(`/denied/${index}`).then(
        () => 'none',
        (error: unknown) => (error as Error).name,
      ),
    ),
  );
  return { pings, failures: [...new Set(failures)] };
}

for (const [status, failure] of [
  [200, 'AccessDeniedError'],
  [404, 'AccessDeniedError'],
  [405, 'AccessDeniedError'],
  [403, 'AuthenticationError'],
  [401, 'AuthenticationError'],
] as const) {
  test(`denied requests fail with ${failure} if /ping returns ${status}, and /ping is requested once`, async (t) => {
    assert.deepEqual(await denyAll(t, status, 20), { pings: 1, failures: [failure] });
  });
}

test('a denied request fails with the error of /ping if /ping fails', async (t) => {
  const { failures } = await denyAll(t, 500, 1);
  assert.deepEqual(failures, ['SourceUnavailableError']);
});

test('an interactive command soon times out if a connected server never responds', async (t) => {
  const { baseUrl } = await createApiServer(t, { '/ping': () => {} });
  const env = { CHARTMOGUL_API_KEY: 'key', CHARTMOGUL_BASE_URL: baseUrl };
  const { chartmogul } = loadSettings(env, '');
  const policy = { ...probeRetry, attemptMs: 20, firstDelayMs: 1 };
  const client = new ChartMogulClient(chartmogul, new AbortController().signal, policy);
  await assert.rejects(
    client.get('/ping'),
    /does not respond at \S+ \(CHARTMOGUL_BASE_URL\): no response within 0\.02 s; start the simulator/,
  );
  assert.ok((probeRetry.attemptMs ?? Infinity) <= 15_000);
});

test('ping accepts a missing endpoint, but not a rejected key, an unreachable host or HTML', async (t) => {
  const answering = async (status: number, body = '{"data":"pong!"}') =>
    (await createClient(t, { '/ping': (_, response) => response.writeHead(status).end(body) })).client;
  for (const status of [200, 400, 404, 405]) await (await answering(status)).ping();
  await assert.rejects((await answering(401)).ping(), AuthenticationError);
  await assert.rejects((await answering(403)).ping(), AuthenticationError);
  await assert.rejects((await answering(200, '<html>')).ping(), SourceUnavailableError);
  const { client } = await createClient(t, {}, { CHARTMOGUL_BASE_URL: 'http://127.0.0.1:1/v1' });
  await assert.rejects(
    client.ping(),
    /does not respond at http:\/\/127\.0\.0\.1:1\/v1\/ping \(CHARTMOGUL_BASE_URL\).*npm run simulate/,
  );
});

test('a response with an unknown encoding is reported as unreadable', async (t) => {
  const { client } = await createClient(t, {
    '/ping': (_, response) => response.writeHead(200, { 'content-encoding': 'zstd' }).end('{}'),
  });
  await assert.rejects(client.ping(), {
    name: 'SourceUnavailableError',
    message:
      '/ping returned a response that cannot be read: its Content-Encoding is "zstd", which is unknown',
  });
});

test('a signal aborts requests in flight with its own reason', async (t) => {
  const reason = new Error('enough');
  const { client, stop } = await createClient(t, { '/plans': () => stop.abort(reason) });
  await assert.rejects(client.get('/plans'), (error) => error === reason);
});

test('the client accepts compressed responses', async (t) => {
  let accepted: unknown;
  const { client } = await createClient(t, {
    '/plans': (_, response) => {
      accepted = response.req.headers['accept-encoding'];
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('{"plans":[1]}'));
    },
  });
  assert.deepEqual(await client.get('/plans'), { plans: [1] });
  assert.equal(accepted, 'gzip, deflate, br');
});

test('the client retries a compressed response that is cut off', async (t) => {
  let tries = 0;
  const { client } = await createClient(t, {
    '/plans': (_, response) => {
      const body = gzipSync('{"plans":[1]}');
      response.writeHead(200, { 'content-encoding': 'gzip' });
      response.end(++tries === 1 ? body.subarray(0, 25) : body);
    },
  });
  assert.deepEqual(await client.get('/plans'), { plans: [1] });
  assert.equal(tries, 2);
});

test('the error for an HTML page includes its content type and its beginning', async (t) => {
  const { client } = await createClient(t, {
    '/plans': (_, response) => {
      response
        .writeHead(200, { 'content-type': 'text/html' })
        .end('<html>Sign in, user key\u001b[31m</html>');
    },
  });
  await assert.rejects(client.get('/plans'), {
    name: 'SourceUnavailableError',
    message: /not JSON.*\(text\/html, begins "<html>Sign in, user \[secret\] \[31m<\/html>"\)/,
  });
});

test('the client returns an empty list for a response with status 204', async (t) => {
  const { client } = await createClient(t, { '/plans': (_, response) => response.writeHead(204).end() });
  assert.deepEqual(await client.get('/plans'), { entries: [], has_more: false });
});

test('the client sends a POST once and never repeats it', async (t) => {
  let tries = 0;
  const { client } = await createClient(t, {
    '/lost': (_, response) => {
      tries++;
      response.destroy();
    },
    '/accepted': (_, response) => response.writeHead(201).end('{"status":"queued"}'),
    '/moved': (_, response) => response.writeHead(307, { location: '/v1/accepted' }).end(),
  });
  await assert.rejects(client.post('/lost', '{}'), SourceUnavailableError);
  assert.equal(tries, 1);
  assert.deepEqual(await client.post('/accepted', '{}'), { status: 'queued' });
  await assert.rejects(client.post('/moved', '{}'), UnexpectedAnswerError);
});
