import convict from 'convict';
import { existsSync, readFileSync } from 'node:fs';
import { ConfigError, messageOf } from '../errors.ts';
import { rememberPasswordsIn, rememberSecret } from '../redact.ts';
import {
  definitions,
  isSensitive,
  isSettingName,
  secretNames,
  type SecretName,
  type SettingTexts,
} from './definitions.ts';
import { parseDotEnv } from './dot-env.ts';
import { outputOf } from './secret-command.ts';
import { secretText, shownValue, wrong } from './setting-values.ts';

/** Other programs also read these names in lower case. */
const proxySettings = ['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY'] as const;

/**
 * convict decides which source applies. Its formats are not used: they also check values of
 * CONFIG_FILE that the environment overrides, and their errors do not name the rule.
 */
const convictSchema = Object.fromEntries(
  Object.entries(definitions).map(([name, { doc, standard }]) => [
    name,
    { doc, env: name, format: String, default: standard },
  ]),
);

/**
 * Reads each setting from the environment, otherwise from `.env`, CONFIG_FILE or the defaults, in
 * this order. Remembers the secrets among the values. A secret may also come from a file or a
 * program.
 * @throws ConfigError
 */
export function readSources(processEnv: NodeJS.ProcessEnv, dotEnvPath: string) {
  const env = { ...withoutBlanks(readDotEnv(dotEnvPath)), ...withoutBlanks(processEnv) };
  for (const name of proxySettings) env[name] ??= env[name.toLowerCase()] ?? '';
  // This comes first, so that no error about one setting shows the secret of another.
  rememberSecrets(env);
  const config = convict(convictSchema, { env, args: [] });
  const path = env['CONFIG_FILE'];
  const { values, streams } = path === undefined ? { values: {}, streams: [] } : readConfigFile(path);
  rememberSecrets(values);
  config.load(values);
  const texts = config.getProperties() as SettingTexts;
  const secrets = secretNames.map((name) => [name, secretFrom(name, texts, processEnv)] as const);
  return { texts: { ...texts, ...Object.fromEntries(secrets) }, customStreams: streams };
}

/** Returns the secret, or an empty string. At most one of its three settings may be set. */
function secretFrom(name: SecretName, texts: SettingTexts, processEnv: NodeJS.ProcessEnv): string {
  const sources = [name, `${name}_FILE`, `${name}_COMMAND`] as const;
  const [source, other] = sources.filter((candidate) => texts[candidate] !== '');
  if (source === undefined) return '';
  if (other !== undefined) throw new ConfigError(`${source} and ${other} are both set: set only one of them`);
  if (source === `${name}_COMMAND`) return secretText(source, outputOf(source, texts[source], processEnv));
  return secretText(source, source === name ? texts[name] : readSecretFile(source, texts[source]));
}

function readSecretFile(name: string, path: string): string {
  try {
    return readTextFile(path);
  } catch (error) {
    throw unreadable(name, path, error);
  }
}

function rememberSecrets(values: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(values)) {
    if (!isSettingName(name)) continue;
    if (isSensitive(name)) rememberSecret(value.trim());
    else rememberPasswordsIn(value);
  }
}

function withoutBlanks(env: NodeJS.ProcessEnv): Record<string, string> {
  const set = Object.entries(env).filter((entry): entry is [string, string] => (entry[1] ?? '') !== '');
  return Object.fromEntries(set);
}

function readDotEnv(path: string): NodeJS.ProcessEnv {
  if (!existsSync(path)) return {};
  try {
    return parseDotEnv(readTextFile(path));
  } catch (error) {
    throw new ConfigError(`${path} cannot be read: ${messageOf(error)}`);
  }
}

/** Returns the text without the byte order mark that editors on Windows add. */
export function readTextFile(path: string): string {
  return readFileSync(path, 'utf8').replace(/^\uFEFF/, '');
}

function readConfigFile(path: string) {
  let content: unknown;
  try {
    content = JSON.parse(readTextFile(path));
  } catch (error) {
    // The parser quotes the text around the fault, which may contain a secret.
    if (error instanceof SyntaxError) throw wrong('CONFIG_FILE', path, 'a file with valid JSON');
    // An API key may contain a slash, so a slash alone does not make a path.
    const isPath = /^[\w\s./\\:~@+-]+$/.test(path) && /^(\.{0,2}|~|[A-Z]:)[/\\]|\.json$/i.test(path);
    if (!isPath) throw unreadable('CONFIG_FILE', path, error);
    throw wrong('CONFIG_FILE', path, `a readable JSON file (${codeOf(error)})`);
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content))
    throw wrong('CONFIG_FILE', path, 'a JSON object of setting names and values');
  const { streams = [], ...values } = content as Record<string, unknown>;
  if (!Array.isArray(streams)) throw wrong('CONFIG_FILE', path, 'a file with a list for streams');
  for (const [name, value] of Object.entries(values)) {
    if (!isSettingName(name))
      throw new ConfigError(`CONFIG_FILE must contain only known settings; it has ${shownValue(name)}`);
    if (typeof value !== 'string') throw wrong('CONFIG_FILE', path, `a file with a string for ${name}`);
  }
  return { values: values as Record<string, string>, streams: streams as unknown[] };
}

/**
 * Returns an error without Node's message, which would show the value: it may be the secret itself
 * instead of a path.
 */
export function unreadable(name: string, value: string, error: unknown): ConfigError {
  rememberSecret(value.trim());
  return new ConfigError(`${name} must be the path of a readable file (${codeOf(error)})`);
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown fault';
}
