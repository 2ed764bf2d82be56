import { ConfigError } from '../errors.ts';
import { definitions, type SettingName, type SettingTexts } from './definitions.ts';
import { Secret } from './secret.ts';
import { isLoopback, secretText } from './setting-values.ts';
import { readTextFile, unreadable } from './sources.ts';

type Value<Name extends SettingName> = ReturnType<(typeof definitions)[Name]['parse']>;

export function valueOf<Name extends SettingName>(name: Name, texts: SettingTexts): Value<Name> {
  return definitions[name].parse(name, texts[name]) as Value<Name>;
}

/** @throws ConfigError if a password would leave this machine unencrypted without permission. */
export function refusePlaintext(
  name: string,
  hosts: readonly string[],
  remedy: string,
  texts: SettingTexts,
): void {
  if (hosts.every(isLoopback) || valueOf('ALLOW_PLAINTEXT_CREDENTIALS', texts)) return;
  throw new ConfigError(
    `${name} names another machine, and the password would travel unencrypted: use ${remedy}, or set ALLOW_PLAINTEXT_CREDENTIALS=true`,
  );
}

/** Reads the setting or the file of its `_FILE` setting. */
export function secret(
  name:
    | 'CHARTMOGUL_API_KEY'
    | 'KAFKA_PASSWORD'
    | 'KAFKA_SSL_KEY_PASSWORD'
    | 'SCHEMA_REGISTRY_PASSWORD'
    | 'CLICKHOUSE_PASSWORD'
    | 'CLICKHOUSE_READER_PASSWORD'
    | 'PGPASSWORD'
    | 'AWS_SECRET_ACCESS_KEY'
    | 'AWS_SESSION_TOKEN'
    | 'SHOW_PASSWORD'
    | 'MCP_TOKEN',
  texts: SettingTexts,
): Secret | undefined {
  const direct = valueOf(name, texts);
  const file = valueOf(`${name}_FILE`, texts);
  if (direct !== '' && file !== '')
    throw new ConfigError(`${name} and ${name}_FILE are both set: set only one of them`);
  if (file === '') return direct === '' ? undefined : new Secret(secretText(name, direct));
  let content: string;
  try {
    content = readTextFile(file);
  } catch (error) {
    throw unreadable(`${name}_FILE`, file, error);
  }
  return new Secret(secretText(`${name}_FILE`, content));
}
