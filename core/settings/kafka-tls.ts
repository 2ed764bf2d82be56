import { createPrivateKey, type KeyObject } from 'node:crypto';
import { ConfigError } from '../errors.ts';
import { caOf, fileOf, firstCertificate } from './pem-files.ts';
import { Secret } from './secret.ts';
import { secret, valueOf } from './setting-reading.ts';
import type { SettingTexts } from './definitions.ts';

/** Contents of the PEM files for connections with TLS. */
export interface KafkaTls {
  /** Replaces the CAs that Node trusts. */
  readonly ca: string | undefined;
  readonly client:
    { readonly cert: string; readonly key: Secret; readonly keyPassword: Secret | undefined } | undefined;
}

/**
 * Reads the TLS settings. Returns undefined unless KAFKA_SSL is true.
 * @throws ConfigError if a file is unusable, or a setting lacks another that it requires.
 */
export function kafkaTls(texts: SettingTexts): KafkaTls | undefined {
  const keyPassword = secret('KAFKA_SSL_KEY_PASSWORD', texts);
  if (!valueOf('KAFKA_SSL', texts)) {
    const names = ['KAFKA_SSL_CA_FILE', 'KAFKA_SSL_CERT_FILE', 'KAFKA_SSL_KEY_FILE'] as const;
    const unused = names.find((name) => valueOf(name, texts) !== '');
    if (unused !== undefined) throw new ConfigError(`${unused} requires KAFKA_SSL=true`);
    return undefined;
  }
  const ca = caOf('KAFKA_SSL_CA_FILE', texts);
  const cert = fileOf('KAFKA_SSL_CERT_FILE', texts);
  const key = fileOf('KAFKA_SSL_KEY_FILE', texts);
  if ((cert === undefined) !== (key === undefined))
    throw new ConfigError('KAFKA_SSL_CERT_FILE and KAFKA_SSL_KEY_FILE must be set together or not at all');
  if (cert === undefined || key === undefined) {
    if (keyPassword !== undefined)
      throw new ConfigError('KAFKA_SSL_KEY_PASSWORD requires KAFKA_SSL_KEY_FILE');
    return Object.freeze({ ca, client: undefined });
  }
  requireUsable(cert, privateKeyIn(key, keyPassword));
  // The key is not remembered as a secret: other programs may quote its password, but not the key.
  return Object.freeze({ ca, client: Object.freeze({ cert, key: new Secret(key, []), keyPassword }) });
}

function privateKeyIn(pem: string, password: Secret | undefined): KeyObject {
  try {
    return createPrivateKey({ key: pem, passphrase: password?.reveal() });
  } catch {
    if (password === undefined && pem.includes('ENCRYPTED'))
      throw new ConfigError('KAFKA_SSL_KEY_FILE is encrypted: set KAFKA_SSL_KEY_PASSWORD');
    if (password !== undefined && /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem))
      throw new ConfigError('KAFKA_SSL_KEY_PASSWORD must be the password of KAFKA_SSL_KEY_FILE');
    throw new ConfigError('KAFKA_SSL_KEY_FILE must be a file with a private key in PEM format');
  }
}

function requireUsable(cert: string, key: KeyObject): void {
  const certificate = firstCertificate('KAFKA_SSL_CERT_FILE', cert);
  if (!certificate.checkPrivateKey(key))
    throw new ConfigError('KAFKA_SSL_KEY_FILE must be the private key of KAFKA_SSL_CERT_FILE');
  if (Date.parse(certificate.validTo) < Date.now())
    throw new ConfigError(
      `KAFKA_SSL_CERT_FILE must be a valid certificate: it expired at ${new Date(certificate.validTo).toISOString()}`,
    );
}
