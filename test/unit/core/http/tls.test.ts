import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type TestContext } from 'node:test';
import { Registry } from '../../../../core/avro/registry.ts';
import { clickHouseError, createClickHouse, probeClickHouse } from '../../../../core/clickhouse/client.ts';
import { readStreamSchema } from '../../../../core/avro/schema-files.ts';
import { ServiceRefusedError } from '../../../../core/errors.ts';
import { loadSettings } from '../../../../core/settings/config.ts';
import { probeRetry } from '../../../../core/retry.ts';
import { ChartMogulClient } from '../../../../producers/chartmogul/client.ts';
import { createCertificateAuthority } from '../../../helpers/certificates.ts';
import { noSignal } from '../../../helpers/settings.ts';
import { createReadingProxy, createTlsFront } from '../../../helpers/tls-front.ts';

/** Starts a server that answers like a registry under `/subjects`, otherwise like ClickHouse. */
async function createService(t: TestContext): Promise<string> {
  const server = createServer(({ url }, response) => {
    const isRegistry = url?.startsWith('/subjects') === true;
    response.setHeader('content-type', 'text/plain').end(isRegistry ? '[]' : '26.7.1\n');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

type Connect = (env: NodeJS.ProcessEnv) => Promise<unknown>;

const services: readonly (readonly [name: string, prefix: string, connect: Connect])[] = [
  [
    'the schema registry',
    'SCHEMA_REGISTRY',
    (env) => new Registry(loadSettings(env, '').schemaRegistry, noSignal).probe(probeRetry),
  ],
  [
    'ClickHouse',
    'CLICKHOUSE',
    async (env) => {
      const { clickhouse } = loadSettings(env, '');
      const client = createClickHouse(clickhouse);
      await probeClickHouse(client, clickhouse, noSignal).finally(() => client.close());
    },
  ],
];

for (const [name, prefix, connect] of services) {
  test(`${name} is reached over TLS, and each TLS fault produces a one-line error with its remedy`, async (t) => {
    const target = await createService(t);
    const ca = createCertificateAuthority(t);
    const other = createCertificateAuthority(t, 'Other CA');
    const right = await createTlsFront(t, target, ca.issue('right', { names: 'IP:127.0.0.1' }));
    const misnamed = await createTlsFront(t, target, ca.issue('other.example.com'));
    const expired = await createTlsFront(t, target, ca.issue('old', { names: 'IP:127.0.0.1', days: 0 }));
    const at = (port: number) => ({ [`${prefix}_URL`]: `https://127.0.0.1:${port}` });
    const trusted = { [`${prefix}_CA_FILE`]: ca.caFile };
    await connect({ ...at(right.port), ...trusted });
    const wrong: readonly (readonly [NodeJS.ProcessEnv, string])[] = [
      [
        at(right.port),
        `has a certificate that is not trusted: .+; set ${prefix}_CA_FILE to the certificate of its CA`,
      ],
      [
        { ...at(right.port), [`${prefix}_CA_FILE`]: other.caFile },
        `has a certificate that is not trusted: .+; set ${prefix}_CA_FILE to the certificate of its CA`,
      ],
      [
        { ...at(misnamed.port), ...trusted },
        `has a certificate for another host: .*127.0.0.1.*; use a host name that the certificate contains in ${prefix}_URL`,
      ],
      [
        { ...at(expired.port), ...trusted },
        `has a certificate that has expired; renew it .*, or correct the clock of this machine`,
      ],
      [
        { ...at(Number(new URL(target).port)), ...trusted },
        `does not use TLS on this port; set ${prefix}_URL to its port with TLS, or to its http address`,
      ],
    ];
    for (const [env, message] of wrong)
      await assert.rejects(connect(env), (error) => {
        assert.ok(error instanceof ServiceRefusedError, String(error));
        const line = new RegExp(`^${name} at https://127.0.0.1:\\d+ \\(${prefix}_URL\\) ${message}$`);
        assert.match(error.message, line);
        return true;
      });
  });

  test(`${name} behind a proxy is reached with its own CA`, async (t) => {
    const ca = createCertificateAuthority(t);
    const front = await createTlsFront(t, await createService(t), ca.issue('service.corp'));
    const proxy = await createReadingProxy(t, { 'service.corp:8443': front.port });
    const env = { [`${prefix}_URL`]: 'https://service.corp:8443', HTTPS_PROXY: proxy.address };
    await connect({ ...env, [`${prefix}_CA_FILE`]: ca.caFile });
    assert.deepEqual(proxy.tunnels, ['service.corp:8443']);
    await assert.rejects(connect(env), /is not trusted/);
  });
}

test('the error for an untrusted certificate of ChartMogul names NODE_EXTRA_CA_CERTS', async (t) => {
  const ca = createCertificateAuthority(t);
  const front = await createTlsFront(t, await createService(t), ca.issue('api.chartmogul.com'));
  const proxy = await createReadingProxy(t, { 'api.chartmogul.com:443': front.port });
  const { chartmogul } = loadSettings({ CHARTMOGUL_API_KEY: 'k', HTTPS_PROXY: proxy.address }, '');
  const client = new ChartMogulClient(chartmogul, noSignal, { ...probeRetry, attempts: 1 });
  t.after(() => client.close());
  await assert.rejects(
    client.get('/ping'),
    /ChartMogul at \S+ \(CHARTMOGUL_BASE_URL\) through the proxy 127\.0\.0\.1:\d+ .* has a certificate that is not trusted: .+; set NODE_EXTRA_CA_CERTS to/,
  );
});

test('no client follows a redirect, so the other host receives no key or password', async () => {
  const reached: string[] = [];
  const thief = createServer(({ url = '' }, response) => {
    reached.push(url);
    response.end('{}');
  }).listen(0, '127.0.0.1');
  await once(thief, 'listening');
  const elsewhere = `http://localhost:${(thief.address() as AddressInfo).port}/stolen`;
  for (const status of [301, 302, 303, 307, 308]) {
    const server = createServer((incoming, response) => {
      incoming.resume();
      response.writeHead(status, { location: elsewhere }).end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const settings = loadSettings(
      {
        CHARTMOGUL_API_KEY: 'k',
        CHARTMOGUL_BASE_URL: url,
        ...Object.fromEntries(
          ['SCHEMA_REGISTRY', 'CLICKHOUSE'].flatMap((service) => [
            [`${service}_URL`, url],
            [`${service}_USERNAME`, 'u'],
            [`${service}_PASSWORD`, 'p'],
          ]),
        ),
      },
      '',
    );
    const oneAttempt = { ...probeRetry, attempts: 1 };
    const source = new ChartMogulClient(settings.chartmogul, noSignal, oneAttempt);
    const registry = new Registry(settings.schemaRegistry, noSignal);
    const clickhouse = createClickHouse(settings.clickhouse);
    await assert.rejects(source.get('/ping'));
    await assert.rejects(source.post('/ping', '{}'));
    await assert.rejects(registry.probe(oneAttempt));
    await assert.rejects(registry.register('s', readStreamSchema('plans')), ServiceRefusedError);
    await assert.rejects(clickhouse.query({ query: 'SELECT 1' }), (error) => {
      assert.match(clickHouseError(error, settings.clickhouse).message, new RegExp(`returned ${status}`));
      return true;
    });
    await Promise.all([source.close(), clickhouse.close()]);
    server.closeAllConnections();
    server.close();
  }
  thief.closeAllConnections();
  thief.close();
  assert.deepEqual(reached, []);
});
