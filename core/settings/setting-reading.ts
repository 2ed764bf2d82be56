import { ConfigError } from '../errors.ts';
import { proxyFor } from '../http/proxy.ts';
import { definitions, type SecretName, type SettingName, type SettingTexts } from './definitions.ts';
import { Secret } from './secret.ts';
import { isLoopback } from './setting-values.ts';

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

export function secret(name: SecretName, texts: SettingTexts): Secret | undefined {
  const text = valueOf(name, texts);
  return text === '' ? undefined : new Secret(text);
}

export function proxyTo(address: string, texts: SettingTexts): { readonly proxy?: Secret } {
  const proxy = proxyFor(address, {
    https: valueOf('HTTPS_PROXY', texts),
    http: valueOf('HTTP_PROXY', texts),
    none: valueOf('NO_PROXY', texts),
  });
  if (proxy === undefined) return {};
  // An address without a user is not secret.
  return { proxy: new Secret(proxy, new URL(proxy).username === '' ? [] : [proxy]) };
}
