import assert from 'node:assert/strict';
import test from 'node:test';
import { inspect } from 'node:util';
import { ConfigError } from '../../../../core/errors.ts';
import { loadSettings } from '../../../../core/settings/config.ts';

const oauth = {
  KAFKA_SASL_MECHANISM: 'oauthbearer',
  KAFKA_OAUTH_TOKEN_URL: 'https://login.example.com/token',
  KAFKA_OAUTH_CLIENT_ID: 'etl',
  KAFKA_OAUTH_CLIENT_SECRET: 's3cret',
};

const wrongSettings: readonly (readonly [NodeJS.ProcessEnv, RegExp])[] = [
  [
    { KAFKA_OAUTH_CLIENT_SECRET: 's3cret' },
    /^KAFKA_OAUTH_CLIENT_SECRET requires KAFKA_SASL_MECHANISM=oauthbearer$/,
  ],
  [
    { KAFKA_SASL_MECHANISM: 'oauthbearer', KAFKA_OAUTH_CLIENT_SECRET: 's3cret' },
    /^KAFKA_SASL_MECHANISM oauthbearer requires KAFKA_OAUTH_TOKEN_URL, KAFKA_OAUTH_CLIENT_ID and KAFKA_OAUTH_/,
  ],
  [
    { KAFKA_SASL_MECHANISM: 'oauthbearer', KAFKA_USERNAME: 'u', KAFKA_PASSWORD: 's3cret' },
    /^KAFKA_SASL_MECHANISM oauthbearer requires KAFKA_OAUTH_…, not KAFKA_USERNAME or KAFKA_PASSWORD$/,
  ],
  [{ ...oauth, KAFKA_OAUTH_TOKEN_URL: 'login' }, /^KAFKA_OAUTH_TOKEN_URL must be an http/],
  ...['a', 'a=', '=b', 'auth=x', 'a=b,,c=d'].map(
    (value) =>
      [
        { ...oauth, KAFKA_OAUTH_EXTENSIONS: value },
        /^KAFKA_OAUTH_EXTENSIONS must be name=value, or a list of them; got ".*"$/,
      ] as const,
  ),
  [{ TOPIC_PARTITIONS: '0' }, /^TOPIC_PARTITIONS must be a whole number from 1 to 1000; got "0"$/],
  [
    { TOPIC_REPLICATION_FACTOR: '-1' },
    /^TOPIC_REPLICATION_FACTOR must be a whole number from 1.*; got "-1"$/,
  ],
];
for (const [env, message] of wrongSettings)
  test(`${inspect(env, { breakLength: Infinity }).slice(0, 90)} is rejected with a one-line error that states the rule`, () => {
    assert.throws(
      () => loadSettings(env, ''),
      (error) => {
        assert.ok(error instanceof ConfigError);
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, /\n|s3cret/);
        return true;
      },
    );
  });

test('oauthbearer has a client, a scope and extensions instead of a user', () => {
  const { kafka } = loadSettings(
    { ...oauth, KAFKA_OAUTH_SCOPE: 'kafka', KAFKA_OAUTH_EXTENSIONS: 'a=b c, d=e=f' },
    '',
  );
  assert.ok(kafka.sasl?.mechanism === 'oauthbearer');
  const { clientSecret, ...others } = kafka.sasl.oauth;
  assert.equal(clientSecret.reveal(), 's3cret');
  assert.deepEqual(others, {
    tokenUrl: 'https://login.example.com/token',
    clientId: 'etl',
    scope: 'kafka',
    extensions: { a: 'b c', d: 'e=f' },
  });
  assert.doesNotMatch(inspect(kafka, { depth: 9 }) + JSON.stringify(kafka), /s3cret/);
});
