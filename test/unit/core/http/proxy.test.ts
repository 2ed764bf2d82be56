import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request as forward } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type TestContext } from 'node:test';
import { Registry } from '../../../../core/avro/registry.ts';
import { createClickHouse, probeClickHouse } from '../../../../core/clickhouse/client.ts';
import { loadSettings } from '../../../../core/settings/config.ts';
import { proxyFor } from '../../../../core/http/proxy.ts';
import { probeRetry } from '../../../../core/retry.ts';
import { ChartMogulClient } from '../../../../producers/chartmogul/client.ts';

const api = 'https://api.chartmogul.com/v1';
const rules = { https: 'http://proxy:3128', http: 'http://plain:8080', none: '' };

const chosen: readonly (readonly [address: string, none: string, proxy: string | undefined])[] = [
  [api, '', rules.https],
  ['http://clickhouse.corp:8123', '', rules.http],
  // Plain http to this machine never goes through a proxy.
  ['http://127.0.0.1:8123', '', undefined],
  ['http://localhost:8123', '', undefined],
  ['http://[::1]:8123', '', undefined],
  ['https://localhost:8443', '', rules.https],
  [api, 'api.chartmogul.com', undefined],
  [api, 'API.ChartMogul.com', undefined],
  [api, 'chartmogul.com', undefined],
  [api, '.chartmogul.com', undefined],
  [api, '*.chartmogul.com', undefined],
  [api, 'mogul.com', rules.https],
  [api, 'api.chartmogul.com.evil', rules.https],
  [api, 'a.example, chartmogul.com', undefined],
  [api, 'a.example chartmogul.com', undefined],
  [api, 'chartmogul.com:443', undefined],
  [api, 'chartmogul.com:8443', rules.https],
  ['http://clickhouse.corp', 'clickhouse.corp:80', undefined],
  [api, '*', undefined],
  [api, ', ,', rules.https],
  ['https://10.0.0.7:8443', '10.0.0.7', undefined],
  ['https://[fd00::7]:8443', 'fd00::7', undefined],
  ['https://[fd00::7]:8443', '[fd00::7]:8443', undefined],
  ['https://[fd00::7]:8443', '[fd00::7]:1', rules.https],
];
for (const [address, none, proxy] of chosen) {
  test(`proxyFor returns ${proxy} for ${address} with NO_PROXY "${none}"`, () => {
    assert.equal(proxyFor(address, { ...rules, none }), proxy);
  });
}

test('each service uses the proxy for its address, from variables in either case', () => {
  const settings = loadSettings(
    {
      https_proxy: 'proxy.corp:3128',
      HTTP_PROXY: 'http://user:p%40ss@plain.corp',
      no_proxy: 'registry.corp',
      SCHEMA_REGISTRY_URL: 'https://registry.corp',
      CLICKHOUSE_URL: 'http://clickhouse.corp:8123',
    },
    '',
  );
  assert.equal(settings.chartmogul.proxy?.reveal(), 'http://proxy.corp:3128/');
  assert.equal(settings.schemaRegistry.proxy, undefined);
  assert.equal(settings.clickhouse.proxy?.reveal(), 'http://user:p%40ss@plain.corp/');
  assert.ok(!JSON.stringify(settings).includes('p%40ss'));
});

test('the error for an invalid proxy address names the variable and hides the value', () => {
  for (const value of ['ftp://u:secret@p', 'http://', 'http://u:secret@:x'])
    assert.throws(
      () => loadSettings({ HTTPS_PROXY: value }, ''),
      /^ConfigError: HTTPS_PROXY must be the http or https address of a proxy(?!.*secret)/,
    );
});

/**
 * Starts a proxy that forwards `http` requests to the target and refuses to open tunnels for
 * `https`.
 */
async function createProxy(t: TestContext, target: string) {
  const asked: string[] = [];
  const server = createServer((incoming, answer) => {
    asked.push(`${incoming.method ?? ''} ${incoming.url ?? ''}`);
    const { pathname, search } = new URL(incoming.url ?? '', 'http://none.invalid');
    const onward = forward(`${target}${pathname}${search}`, {
      method: incoming.method,
      headers: incoming.headers,
    });
    onward.on('response', (response) => {
      answer.writeHead(response.statusCode ?? 500, response.headers);
      response.pipe(answer);
    });
    incoming.pipe(onward);
  });
  server.on('connect', ({ url, headers }, socket) => {
    asked.push(`CONNECT ${url ?? ''} ${headers['proxy-authorization'] ?? ''}`.trim());
    socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

async function createTarget(t: TestContext) {
  const server = createServer((_, answer) => answer.setHeader('content-type', 'text/plain').end('26.7.1\n'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const signal = new AbortController().signal;

test('requests to ClickHouse go through an http proxy', async (t) => {
  const { address, asked } = await createProxy(t, await createTarget(t));
  const { clickhouse } = loadSettings({ HTTP_PROXY: address, CLICKHOUSE_URL: 'http://ch.test:8123' }, '');
  const client = createClickHouse(clickhouse);
  assert.equal(await probeClickHouse(client, clickhouse, signal), '26.7.1');
  await client.close();
  assert.match(asked.join('\n'), /^POST http:\/\/ch\.test:8123\//);
});

test('requests to the registry go through an http proxy', async (t) => {
  const target = createServer((_, answer) => answer.end('{}')).listen(0, '127.0.0.1');
  await once(target, 'listening');
  t.after(() => {
    target.close();
    target.closeAllConnections();
  });
  const { address, asked } = await createProxy(
    t,
    `http://127.0.0.1:${(target.address() as AddressInfo).port}`,
  );
  const settings = loadSettings({ HTTP_PROXY: address, SCHEMA_REGISTRY_URL: 'http://sr.test:8081/v7' }, '');
  await new Registry(settings.schemaRegistry, signal).probe(probeRetry);
  assert.deepEqual(asked, ['GET http://sr.test:8081/v7/subjects']);
});

test('all clients request an authenticated tunnel for https, and fail if the proxy refuses it', async (t) => {
  const { address, asked } = await createProxy(t, 'http://127.0.0.1:1');
  const env = {
    HTTPS_PROXY: address.replace('//', '//u:pw@'),
    CHARTMOGUL_API_KEY: 'key',
    SCHEMA_REGISTRY_URL: 'https://sr.test',
    CLICKHOUSE_URL: 'https://ch.test:8443',
  };
  const settings = loadSettings(env, '');
  const source = new ChartMogulClient(settings.chartmogul, signal, { ...probeRetry, attempts: 1 });
  await assert.rejects(source.get('/ping'), (error: Error) => {
    assert.match(error.message, /through the proxy 127\.0\.0\.1:\d+ \(HTTPS_PROXY or HTTP_PROXY\).*407/);
    return true;
  });
  await assert.rejects(new Registry(settings.schemaRegistry, signal).probe({ ...probeRetry, attempts: 1 }));
  const clickhouse = createClickHouse(settings.clickhouse);
  await assert.rejects(probeClickHouse(clickhouse, settings.clickhouse, signal));
  await Promise.all([source.close(), clickhouse.close()]);
  const credentials = `Basic ${Buffer.from('u:pw').toString('base64')}`;
  for (const host of ['api.chartmogul.com:443', 'sr.test:443', 'ch.test:8443'])
    assert.ok(asked.includes(`CONNECT ${host} ${credentials}`), `${host} in ${asked.join()}`);
});
