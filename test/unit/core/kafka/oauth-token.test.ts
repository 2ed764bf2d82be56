import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { EtlError } from '../../../../core/errors.ts';
import { TokenSource } from '../../../../core/kafka/oauth-token.ts';
import { redacted } from '../../../../core/redact.ts';
import type { KafkaOAuth } from '../../../../core/settings/kafka-settings.ts';
import { Secret } from '../../../../core/settings/secret.ts';
import { createTokenIssuer } from '../../../helpers/token-issuer.ts';

const secret = 'cl1ent+secret/"%2x';

async function createSource(t: TestContext, changed: Partial<KafkaOAuth> = {}) {
  const issuer = await createTokenIssuer(t, { 'the etl': secret });
  const source = new TokenSource({
    tokenUrl: issuer.tokenUrl,
    clientId: 'the etl',
    clientSecret: new Secret(secret),
    scope: '',
    extensions: {},
    ...changed,
  });
  return { issuer, source };
}

test('a token is shared by concurrent logins, and replaced before it expires', async (t) => {
  const { issuer, source } = await createSource(t, { scope: 'kafka write' });
  t.mock.timers.enable({ apis: ['Date'], now: 1_800_000_000_000 });
  const all = await Promise.all(Array.from({ length: 5 }, () => source.token()));
  assert.deepEqual(new Set(all), new Set(issuer.tokens));
  assert.equal(issuer.tokens.length, 1);
  assert.deepEqual(issuer.requests, ['grant_type=client_credentials&scope=kafka+write']);
  t.mock.timers.tick(2_800_000);
  assert.equal(await source.token(), issuer.tokens[0]);
  t.mock.timers.tick(100_000);
  assert.equal(await source.token(), issuer.tokens[1]);
  // Only the current token is redacted, because a process that runs for months receives thousands.
  const [old = '', current = ''] = issuer.tokens;
  assert.equal(redacted(`x ${current}`), 'x [secret]');
  assert.equal(redacted(`x ${old}`), `x ${old}`);
});

test('a token is used until shortly before it expires if the OAuth server fails', async (t) => {
  const { issuer, source } = await createSource(t);
  t.mock.timers.enable({ apis: ['Date'], now: 1_800_000_000_000 });
  const token = await source.token();
  issuer.answer = { status: 503, body: 'down' };
  t.mock.timers.tick(3_584_000);
  assert.equal(await source.token(), token);
  t.mock.timers.tick(2_000);
  await assert.rejects(source.token(), { name: 'ServiceUnavailableError', retriable: true });
});

test('a token that the broker refuses or that has no lifetime is not used again', async (t) => {
  const { issuer, source } = await createSource(t);
  source.discard(await source.token());
  await source.token();
  assert.equal(issuer.tokens.length, 2);
  issuer.lifetimeS = 0;
  source.discard(issuer.tokens[1] ?? '');
  assert.notEqual(await source.token(), await source.token());
});

const at = String.raw`http:\/\/127\.0\.0\.1:\d+\/token \(KAFKA_OAUTH_TOKEN_URL\)`;
const answers: readonly (readonly [number, string, string, RegExp])[] = [
  [
    401,
    JSON.stringify({ error: 'invalid_client', error_description: secret }),
    'ETL_SERVICE_REFUSED',
    new RegExp(
      `^the OAuth server at ${at} returned 401: invalid_client; check KAFKA_OAUTH_CLIENT_ID and KAFKA_`,
    ),
  ],
  [400, '{"error":"invalid_scope"}', 'ETL_SERVICE_REFUSED', /invalid_scope; check KAFKA_OAUTH_SCOPE$/],
  [404, '<html>', 'ETL_SERVICE_REFUSED', /returned 404: no reason given; check/],
  [302, '', 'ETL_SERVICE_REFUSED', /returned 302/],
  [200, '{}', 'ETL_SERVICE_REFUSED', /no access_token; set KAFKA_OAUTH_TOKEN_URL to its token endpoint$/],
  [200, '<html>', 'ETL_SERVICE_REFUSED', /no access_token/],
  [200, '{"access_token":"a\\nb"}', 'ETL_SERVICE_REFUSED', /no access_token/],
  [
    500,
    JSON.stringify({ error: secret }),
    'ETL_SERVICE_UNAVAILABLE',
    new RegExp(`respond at ${at}: it returned 500; check`),
  ],
  [429, '', 'ETL_SERVICE_UNAVAILABLE', /it returned 429/],
  [200, 'x'.repeat(2_000_000), 'ETL_SERVICE_UNAVAILABLE', /does not respond/],
];
for (const [status, body, code, message] of answers)
  test(`an OAuth server that returns ${status} ${body.slice(0, 30)} causes a one-line error`, async (t) => {
    const { issuer, source } = await createSource(t);
    issuer.answer = { status, body };
    await assert.rejects(source.token(), (error) => {
      assert.ok(error instanceof EtlError);
      assert.match(error.message, message);
      assert.equal(error.code, code);
      assert.doesNotMatch(error.message, /\n|cl1ent/);
      return true;
    });
  });

test('an OAuth server that is down or refuses the secret causes a one-line error', async (t) => {
  const down = await createSource(t, { tokenUrl: 'http://127.0.0.1:1/token' });
  await assert.rejects(
    down.source.token(),
    /does not respond at .*ECONNREFUSED.*; check KAFKA_OAUTH_TOKEN_URL$/,
  );
  const wrong = await createSource(t, { clientSecret: new Secret('another-secret') });
  await assert.rejects(wrong.source.token(), /returned 401: invalid_client; check KAFKA_OAUTH_CLIENT_ID/);
});
