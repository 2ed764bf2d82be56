import { X509Certificate } from 'node:crypto';
import { ConfigError } from '../errors.ts';
import type { SettingName, SettingTexts } from './definitions.ts';
import { readTextFile, unreadable } from './sources.ts';

type FileSetting = Extract<SettingName, `${string}_FILE`>;

/** Returns the content of the file that the setting names; undefined if it is not set. */
export function fileOf(name: FileSetting, texts: SettingTexts): string | undefined {
  const path = texts[name];
  if (path === '') return undefined;
  try {
    return readTextFile(path);
  } catch (error) {
    throw unreadable(name, path, error);
  }
}

/** Returns the CA certificates in PEM format; undefined if the setting is not set. */
export function caOf(
  name: 'KAFKA_SSL_CA_FILE' | 'SCHEMA_REGISTRY_CA_FILE' | 'CLICKHOUSE_CA_FILE',
  texts: SettingTexts,
): string | undefined {
  const ca = fileOf(name, texts);
  if (ca !== undefined) firstCertificate(name, ca);
  return ca;
}

/** Returns the first certificate. @throws ConfigError if there is none, or one is unreadable. */
export function firstCertificate(name: string, pem: string): X509Certificate {
  const texts = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  try {
    const [first] = texts.map((text) => new X509Certificate(text));
    if (first !== undefined) return first;
  } catch {
    // Throws the same error as for a file without certificates.
  }
  throw new ConfigError(`${name} must be a file with certificates in PEM format`);
}
