import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';
import { loadSettings } from '../../core/config.ts';
import { SourceUnavailableError } from '../../core/errors.ts';
import { ChartMogulClient } from '../../producers/chartmogul/client.ts';
import { createSourceReadable } from '../../producers/chartmogul/source.ts';
import type { StreamSpec } from '../../producers/chartmogul/streams.ts';
import { createApiServer, type ApiAnswers } from '../helpers/api-server.ts';

const plans: StreamSpec = { name: 'plans', paths: ['/plans'], listKey: 'plans', paging: 'detect' };

async function createClient(t: TestContext, answers: ApiAnswers) {
  const { baseUrl, requests } = await createApiServer(t, answers);
  const { chartmogul } = loadSettings({ CHARTMOGUL_API_KEY: 'key', CHARTMOGUL_BASE_URL: baseUrl }, '');
  const stop = new AbortController();
  t.after(() => stop.abort());
  const policy = { attempts: 2, firstDelayMs: 1, maxDelayMs: 1 };
  return { client: new ChartMogulClient(chartmogul, stop.signal, policy), requests };
}

test('no page is asked for while the records of the pages before it wait', async (t) => {
  let page = 0;
  const list = JSON.stringify(Array.from({ length: 200 }, () => ({ uuid: 'pl_1' })));
  const { client, requests } = await createClient(t, {
    '/plans': (_, response) => response.end(`{"plans":${list},"has_more":true,"cursor":"c${++page}"}`),
  });
  const source = createSourceReadable(client, plans, {});
  await source[Symbol.asyncIterator]().next();
  await delay(300);
  assert.ok(requests.length <= 3, `${requests.length} pages were asked for`);
  source.destroy();
});

test('the wish of an answer 429 is waited for before the page is asked for again', async (t) => {
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

test('a client sends no more than 40 requests in a second', async (t) => {
  const times: number[] = [];
  const { client } = await createClient(t, {
    '/plans': (_, response) => {
      times.push(performance.now());
      response.end('{}');
    },
  });
  await Promise.all(Array.from({ length: 41 }, () => client.get('/plans')));
  // The first may be late, since it connects.
  assert.ok((times.at(-1) ?? 0) - (times[0] ?? 0) >= 950);
});

test('a client has no more than 20 requests under way', async (t) => {
  const { client, requests } = await createClient(t, { '/plans': () => {} });
  for (let asked = 0; asked < 30; asked++) client.get('/plans').catch(() => {});
  await delay(1_000);
  assert.ok(requests.length > 1 && requests.length <= 20, `${requests.length} requests are under way`);
});

test('a body that is not all of its JSON is asked for again, and an error does not repeat it', async (t) => {
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

test('the key is sent as the user of Basic authentication, without a password', async (t) => {
  const { client } = await createClient(t, {
    '/ping': (_, response) => response.end(JSON.stringify({ was: response.req.headers.authorization })),
  });
  assert.deepEqual(await client.get('/ping'), { was: `Basic ${Buffer.from('key:').toString('base64')}` });
});
