import assert from 'node:assert/strict';
import test from 'node:test';
import { ConfigError } from '../../../../core/errors.ts';
import { loadSettings } from '../../../../core/settings/config.ts';

const load = (env: NodeJS.ProcessEnv) => loadSettings(env, '');

const remote = 'remote.example.com';
const registry = { SCHEMA_REGISTRY_USERNAME: 'u', SCHEMA_REGISTRY_PASSWORD: 's3cret' };
const clickhouse = { CLICKHOUSE_USERNAME: 'u', CLICKHOUSE_PASSWORD: 's3cret' };
const reader = { CLICKHOUSE_READER_USERNAME: 'u', CLICKHOUSE_READER_PASSWORD: 's3cret' };
const plain = { KAFKA_USERNAME: 'u', KAFKA_PASSWORD: 's3cret', KAFKA_SASL_MECHANISM: 'PLAIN' };
const oauth = {
  KAFKA_SASL_MECHANISM: 'oauthbearer',
  KAFKA_OAUTH_CLIENT_ID: 'u',
  KAFKA_OAUTH_CLIENT_SECRET: 's3cret',
};
const login = { KAFKA_OAUTH_TOKEN_URL: `https://${remote}` };
const plaintext: readonly (readonly [string, NodeJS.ProcessEnv])[] = [
  ['SCHEMA_REGISTRY_URL', { ...registry, SCHEMA_REGISTRY_URL: `http://${remote}:8081/apis` }],
  ['CLICKHOUSE_URL', { ...clickhouse, CLICKHOUSE_URL: `http://${remote}` }],
  ['CLICKHOUSE_URL', { ...reader, CLICKHOUSE_URL: `http://${remote}` }],
  ['CLICKHOUSE_URL', { ...clickhouse, CLICKHOUSE_URL: 'http://127.0.0.1.example.com' }],
  ['CLICKHOUSE_URL', { ...clickhouse, CLICKHOUSE_URL: 'http://0.0.0.0:8123' }],
  ['KAFKA_BROKERS', { ...oauth, ...login, KAFKA_BROKERS: `${remote}:9092` }],
  ['KAFKA_OAUTH_TOKEN_URL', { ...oauth, KAFKA_OAUTH_TOKEN_URL: `http://${remote}/token` }],
  ['KAFKA_BROKERS', { ...plain, KAFKA_BROKERS: `127.0.0.1:9092,${remote}:9092` }],
];
for (const [name, env] of plaintext) {
  test(`a password is not sent unencrypted to ${String(env[name])} unless allowed`, () => {
    assert.throws(
      () => load(env),
      (error) =>
        error instanceof ConfigError &&
        error.message.startsWith(`${name} `) &&
        error.message.includes('ALLOW_PLAINTEXT_CREDENTIALS=true') &&
        !/s3cret|\n/.test(error.message),
    );
    load({ ...env, ALLOW_PLAINTEXT_CREDENTIALS: 'true' });
    assert.throws(
      () => load({ ...env, ALLOW_PLAINTEXT_CREDENTIALS: 'yes' }),
      /^ConfigError: ALLOW_PLAINTEXT_/,
    );
  });
}

const encrypted: readonly NodeJS.ProcessEnv[] = [
  { ...registry, SCHEMA_REGISTRY_URL: `https://${remote}` },
  { ...clickhouse, ...reader, CLICKHOUSE_URL: `https://${remote}` },
  ...['127.0.0.1', '127.8.8.8', 'localhost', '[::1]'].map((host) => ({
    ...{ ...registry, SCHEMA_REGISTRY_URL: `http://${host}:1` },
    ...{ ...clickhouse, CLICKHOUSE_URL: `http://${host}:1` },
    ...{ ...plain, KAFKA_BROKERS: `${host}:1` },
  })),
  // The next two contain no password.
  { SCHEMA_REGISTRY_URL: `http://${remote}`, CLICKHOUSE_URL: `http://${remote}` },
  { CLICKHOUSE_USERNAME: 'default', CLICKHOUSE_URL: `http://${remote}` },
  { ...oauth, ...login, KAFKA_SSL: 'true', KAFKA_BROKERS: `${remote}:1` },
  { ...oauth, KAFKA_OAUTH_TOKEN_URL: 'http://127.0.0.1:1' },
  { ...plain, KAFKA_SSL: 'true', KAFKA_BROKERS: `${remote}:1` },
  { ...plain, KAFKA_SASL_MECHANISM: 'scram-sha-512', KAFKA_BROKERS: `${remote}:1` },
];
for (const env of encrypted) {
  test(`no password is sent unencrypted if the settings are ${JSON.stringify(env).replaceAll('s3cret', '')}`, () => {
    assert.doesNotThrow(() => load(env));
  });
}

test('the ChartMogul key is never sent unencrypted to another machine', () => {
  assert.throws(
    () => load({ CHARTMOGUL_BASE_URL: `http://${remote}`, ALLOW_PLAINTEXT_CREDENTIALS: 'true' }),
    /^ConfigError: CHARTMOGUL_BASE_URL must be https/,
  );
});
