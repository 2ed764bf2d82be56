import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { devNull } from 'node:os';
import { describe, test } from 'node:test';
import { loadSettings } from '../../../core/settings/config.ts';
import { ConfigError, LocalServiceError } from '../../../core/errors.ts';
import { isLoopback } from '../../../core/settings/setting-values.ts';
import {
  clickhouseAddress,
  freePort,
  unguessableHost,
  kafkaAddress,
  registryAddress,
  requireFree,
} from '../../../services/local-address.ts';

const settings = (env: NodeJS.ProcessEnv) => loadSettings(env, devNull);
const configError = (message: RegExp) => (error: unknown) =>
  error instanceof ConfigError && message.test(error.message);

describe('the address of a local service', () => {
  test('is the first broker in KAFKA_BROKERS for Kafka', () => {
    const { host, port } = kafkaAddress(settings({ KAFKA_BROKERS: 'localhost:19092,127.0.0.1:29092' }));
    assert.deepEqual({ host, port }, { host: 'localhost', port: 19_092 });
  });

  test('can be an IPv6 loopback address', () => {
    const { host, port } = clickhouseAddress(settings({ CLICKHOUSE_URL: 'http://[::1]:18123' }));
    assert.deepEqual({ host, port }, { host: '::1', port: 18_123 });
  });

  test('causes an error that names the setting if it is on another machine', () => {
    const env = {
      KAFKA_BROKERS: 'kafka.test:9092',
      SCHEMA_REGISTRY_URL: 'http://10.0.0.1',
      CLICKHOUSE_URL: 'http://a.test',
    };
    const remote = settings(env);
    assert.throws(
      () => kafkaAddress(remote),
      configError(/^KAFKA_BROKERS must be a loopback address.*; got "kafka.test:9092"/),
    );
    assert.throws(() => registryAddress(remote), configError(/^SCHEMA_REGISTRY_URL must be a loopback/));
    assert.throws(() => clickhouseAddress(remote), configError(/^CLICKHOUSE_URL must be a loopback/));
  });

  test('is rejected if it requests a feature that a local service lacks', () => {
    assert.throws(() => kafkaAddress(settings({ KAFKA_SSL: 'true' })), configError(/^KAFKA_SSL/));
    assert.throws(
      () => clickhouseAddress(settings({ CLICKHOUSE_URL: 'https://127.0.0.1' })),
      configError(/plain http/),
    );
    assert.throws(
      () => clickhouseAddress(settings({ CLICKHOUSE_URL: 'http://127.0.0.1/x' })),
      configError(/no path/),
    );
  });

  test('can have the path of Apicurio, and no other path, for the registry', () => {
    const url = 'http://127.0.0.1:8081/apis/ccompat/v7';
    assert.equal(registryAddress(settings({ SCHEMA_REGISTRY_URL: url })).port, 8081);
    const other = settings({ SCHEMA_REGISTRY_URL: 'http://127.0.0.1:8081/x' });
    assert.throws(() => registryAddress(other), configError(/\/apis\/ccompat\/v7/));
  });
});

test('the error for a port in use names its setting', async (t) => {
  const stranger = createServer().listen(0, '127.0.0.1');
  t.after(() => stranger.close());
  await once(stranger, 'listening');
  const address = stranger.address();
  assert.ok(typeof address === 'object' && address !== null);
  const taken = clickhouseAddress(settings({ CLICKHOUSE_URL: `http://127.0.0.1:${address.port}` }));
  await assert.rejects(
    requireFree(taken),
    (error) =>
      error instanceof LocalServiceError &&
      /^CLICKHOUSE_URL is .* another program is listening/.test(error.message),
  );
});

test('a service that accepts any Host uses a loopback address that pages cannot guess (Linux)', async () => {
  const hosts = Array.from({ length: 20 }, () => unguessableHost('linux'));
  assert.ok(hosts.every(isLoopback));
  assert.ok(new Set(hosts).size >= 19);
  assert.equal(unguessableHost('darwin'), '127.0.0.1');
  const port = await freePort();
  const address = { setting: 'KAFKA_BROKERS', text: 'x', host: unguessableHost(), port } as const;
  await requireFree(address);
});

test('a free port is outside the range of outgoing connections', async () => {
  const ports = await Promise.all(Array.from({ length: 20 }, () => freePort()));
  assert.deepEqual(
    ports.filter((port) => port < 15_000 || port >= 32_000),
    [],
  );
});
