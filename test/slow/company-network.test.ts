import assert from 'node:assert/strict';
import test from 'node:test';
import { createCertificateAuthority } from '../helpers/certificates.ts';
import { runCommand } from '../helpers/command.ts';
import { createSettings, environmentOf } from '../helpers/settings.ts';
import { createSimulatorServer } from '../helpers/simulator.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { createReadingProxy, createTlsFront } from '../helpers/tls-front.ts';

test('produce and sink work over TLS with private CAs, logins and a proxy that decrypts TLS', async (t) => {
  const { baseUrl } = await createSimulatorServer(t, { customers: 20 });
  const settings = createSettings(t, baseUrl);
  const ca = createCertificateAuthority(t, 'Company CA');
  const proxyCa = createCertificateAuthority(t, 'Proxy CA');
  const loopback = { names: 'IP:127.0.0.1' };
  const login = 'etl:registry-s3cret';
  const registry = await createTlsFront(
    t,
    settings.schemaRegistry.url,
    ca.issue('registry', loopback),
    login,
  );
  const clickhouse = await createTlsFront(t, settings.clickhouse.url, ca.issue('clickhouse', loopback));
  const source = await createTlsFront(t, baseUrl, proxyCa.issue('api.chartmogul.com'));
  const proxy = await createReadingProxy(t, { 'api.chartmogul.com:443': source.port });
  const path = new URL(settings.schemaRegistry.url).pathname;
  const env: NodeJS.ProcessEnv = {
    ...environmentOf(settings),
    CHARTMOGUL_BASE_URL: 'https://api.chartmogul.com/v1',
    HTTPS_PROXY: proxy.address,
    NO_PROXY: '127.0.0.1',
    NODE_EXTRA_CA_CERTS: proxyCa.caFile,
    SCHEMA_REGISTRY_URL: `https://127.0.0.1:${registry.port}${path}`,
    SCHEMA_REGISTRY_CA_FILE: ca.caFile,
    SCHEMA_REGISTRY_USERNAME: 'etl',
    SCHEMA_REGISTRY_PASSWORD: 'registry-s3cret',
    CLICKHOUSE_URL: `https://127.0.0.1:${clickhouse.port}`,
    CLICKHOUSE_CA_FILE: ca.caFile,
  };
  const run = (line: string, changes: NodeJS.ProcessEnv = {}) => {
    const [name = '', ...args] = line.split(' ');
    return runCommand(t, `commands/${name}.ts`, args, { ...env, ...changes });
  };

  const ping = await run('ping');
  assert.equal(ping.exitCode, 0, ping.stdout + ping.stderr);
  const produced = await run('produce --streams customers,plans');
  assert.equal(produced.exitCode, 0, produced.stderr);
  const sunk = await run('sink --streams customers,plans --until-caught-up');
  assert.equal(sunk.exitCode, 0, sunk.stderr);
  const [customers] = await rowsOf(settings, 'SELECT toInt32(count()) AS rows FROM customers');
  assert.deepEqual(customers, { rows: 20 });
  for (const [name, { requests }] of Object.entries({ registry, clickhouse, source }))
    assert.ok(requests.length > 3, `${name} received ${requests.length} requests`);
  assert.ok(
    proxy.tunnels.every((host) => host === 'api.chartmogul.com:443'),
    proxy.tunnels.join(),
  );

  const wrong = await run('ping', {
    NODE_EXTRA_CA_CERTS: undefined,
    SCHEMA_REGISTRY_PASSWORD: 'wrong-s3cret',
    CLICKHOUSE_CA_FILE: proxyCa.caFile,
  });
  assert.equal(wrong.exitCode, 1);
  assert.match(wrong.stdout, /^chartmogul +FAILED +.*is not trusted: .+; set NODE_EXTRA_CA_CERTS to the/m);
  assert.match(wrong.stdout, /^registry +FAILED +.*returned 401 .*check SCHEMA_REGISTRY_USERNAME and/m);
  assert.match(wrong.stdout, /^clickhouse +FAILED +.*is not trusted: .+; set CLICKHOUSE_CA_FILE to the/m);
  assert.doesNotMatch(wrong.stdout + wrong.stderr, /s3cret/);
});
