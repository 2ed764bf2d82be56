import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { inspect } from 'node:util';
import { ConfigError } from '../../../../core/errors.ts';
import { loadSettings } from '../../../../core/settings/config.ts';
import { createCertificateAuthority } from '../../../helpers/certificates.ts';
import { waitFor } from '../../../helpers/wait-for.ts';

test('the error for an unusable TLS file names its setting and shows no secret', async (t) => {
  const ca = createCertificateAuthority(t);
  const client = ca.issue('client');
  const other = ca.issue('other');
  const locked = ca.issue('locked', { keyPassword: 's3cret-password' });
  const expired = ca.issue('expired', { days: 0 });
  const noPem = join(ca.folder, 'no.pem');
  writeFileSync(noPem, 'no certificate');
  const torn = join(ca.folder, 'torn.pem');
  writeFileSync(
    torn,
    readFileSync(ca.caFile, 'utf8')
      .replace(/^(.{40}).*$/m, '$1')
      .slice(0, 90),
  );
  const files = ({ certFile, keyFile }: { certFile: string; keyFile: string }) => ({
    KAFKA_SSL: 'true',
    KAFKA_SSL_CERT_FILE: certFile,
    KAFKA_SSL_KEY_FILE: keyFile,
  });
  const cases: readonly (readonly [NodeJS.ProcessEnv, RegExp])[] = [
    [{ KAFKA_SSL_CA_FILE: ca.caFile }, /^KAFKA_SSL_CA_FILE requires KAFKA_SSL=true$/],
    [{ ...files(client), KAFKA_SSL: 'false' }, /^KAFKA_SSL_CERT_FILE requires KAFKA_SSL=true$/],
    [
      { KAFKA_SSL: 'true', KAFKA_SSL_CA_FILE: '/nowhere/at-all' },
      /^KAFKA_SSL_CA_FILE must be the path of a readable file \(ENOENT\)$/,
    ],
    [{ KAFKA_SSL: 'true', KAFKA_SSL_CA_FILE: noPem }, /^KAFKA_SSL_CA_FILE must be .*PEM/],
    [{ KAFKA_SSL: 'true', KAFKA_SSL_CA_FILE: torn }, /^KAFKA_SSL_CA_FILE must be .*PEM/],
    [{ ...files(client), KAFKA_SSL_CERT_FILE: '' }, /must be set together or not at all$/],
    [{ ...files(client), KAFKA_SSL_KEY_FILE: '' }, /must be set together or not at all$/],
    [
      { KAFKA_SSL: 'true', KAFKA_SSL_KEY_PASSWORD: 's3cret' },
      /^KAFKA_SSL_KEY_PASSWORD requires KAFKA_SSL_KEY_FILE$/,
    ],
    [{ ...files(client), KAFKA_SSL_CERT_FILE: noPem }, /^KAFKA_SSL_CERT_FILE must be .*PEM/],
    [{ ...files(client), KAFKA_SSL_KEY_FILE: noPem }, /^KAFKA_SSL_KEY_FILE must be .*PEM/],
    [
      { ...files(client), KAFKA_SSL_KEY_FILE: other.keyFile },
      /^KAFKA_SSL_KEY_FILE must be the private key of/,
    ],
    [files(locked), /^KAFKA_SSL_KEY_FILE is encrypted: set KAFKA_SSL_KEY_PASSWORD$/],
    [
      { ...files(locked), KAFKA_SSL_KEY_PASSWORD: 's3cret' },
      /^KAFKA_SSL_KEY_PASSWORD must be the password of/,
    ],
    [files(expired), /^KAFKA_SSL_CERT_FILE must be a valid certificate: it expired at 20..-/],
  ];
  // The certificate expires in the second in which it was created.
  const { validTo } = new X509Certificate(readFileSync(expired.certFile));
  await waitFor('the expiry of the certificate', () => Date.now() > Date.parse(validTo));
  for (const [env, message] of cases)
    assert.throws(
      () => loadSettings(env, ''),
      (error) => {
        assert.ok(error instanceof ConfigError, inspect(error));
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, /\n|s3cret/);
        return true;
      },
    );
  const withPassword = { ...files(locked), KAFKA_SSL_KEY_PASSWORD: 's3cret-password' };
  const { kafka } = loadSettings({ ...withPassword, KAFKA_SSL_CA_FILE: ca.caFile }, '');
  assert.equal(kafka.tls?.ca, readFileSync(ca.caFile, 'utf8'));
  assert.equal(kafka.tls.client?.key.reveal(), readFileSync(locked.keyFile, 'utf8'));
  assert.doesNotMatch(inspect(kafka, { depth: 9 }), /s3cret|PRIVATE KEY/);
  assert.deepEqual(loadSettings({ KAFKA_SSL: 'true' }, '').kafka.tls, { ca: undefined, client: undefined });
  assert.equal(loadSettings({}, '').kafka.tls, undefined);
});
