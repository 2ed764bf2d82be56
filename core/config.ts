import convict from 'convict';
import { existsSync, readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { parseEnv } from 'node:util';
import { ConfigError, messageOf } from './errors.ts';
import { Secret } from './secret.ts';

/** Who one is to a service. */
export interface Credentials {
  readonly username: string;
  readonly password: Secret;
}

export interface KafkaSettings {
  /** `host:port` of each bootstrap broker. */
  readonly brokers: readonly string[];
  readonly ssl: boolean;
  readonly sasl: (Credentials & { readonly mechanism: SaslMechanism }) | undefined;
}

export interface SchemaRegistrySettings {
  /** Without a trailing slash; any path is kept. */
  readonly url: string;
  readonly credentials: Credentials | undefined;
}

export interface ClickHouseSettings {
  readonly url: string;
  readonly credentials: Credentials | undefined;
  readonly database: string;
  readonly cluster: string | undefined;
}

export interface Settings {
  readonly chartmogul: { readonly apiKey: Secret | undefined; readonly baseUrl: string };
  readonly kafka: KafkaSettings;
  readonly topicPrefix: string;
  readonly schemaRegistry: SchemaRegistrySettings;
  readonly clickhouse: ClickHouseSettings;
  /** Where local services keep their files. */
  readonly dataDir: string;
}

const saslMechanisms = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;
export type SaslMechanism = (typeof saslMechanisms)[number];

/** One setting: the same name in the environment, in `.env` and in the file that CONFIG_FILE names. */
const setting = (env: string, doc: string, standard = '') => ({
  doc,
  env,
  format: String,
  default: standard,
  sensitive: /KEY$|PASSWORD$/.test(env),
});

const definitions = {
  CHARTMOGUL_API_KEY: setting('CHARTMOGUL_API_KEY', 'API key of the ChartMogul account'),
  CHARTMOGUL_API_KEY_FILE: setting('CHARTMOGUL_API_KEY_FILE', 'file that holds the API key'),
  CHARTMOGUL_BASE_URL: setting('CHARTMOGUL_BASE_URL', "the API's address", 'https://api.chartmogul.com/v1'),
  KAFKA_BROKERS: setting('KAFKA_BROKERS', 'comma list of host:port', '127.0.0.1:9092'),
  KAFKA_SSL: setting('KAFKA_SSL', 'true or false', 'false'),
  KAFKA_SASL_MECHANISM: setting('KAFKA_SASL_MECHANISM', saslMechanisms.join(', ')),
  KAFKA_USERNAME: setting('KAFKA_USERNAME', 'SASL user'),
  KAFKA_PASSWORD: setting('KAFKA_PASSWORD', 'SASL password'),
  KAFKA_PASSWORD_FILE: setting('KAFKA_PASSWORD_FILE', 'file that holds the SASL password'),
  TOPIC_PREFIX: setting('TOPIC_PREFIX', 'what every topic, subject and group begins with', 'chartmogul.'),
  SCHEMA_REGISTRY_URL: setting(
    'SCHEMA_REGISTRY_URL',
    'Confluent-compatible registry',
    'http://127.0.0.1:8081',
  ),
  SCHEMA_REGISTRY_USERNAME: setting('SCHEMA_REGISTRY_USERNAME', 'registry user'),
  SCHEMA_REGISTRY_PASSWORD: setting('SCHEMA_REGISTRY_PASSWORD', 'registry password'),
  SCHEMA_REGISTRY_PASSWORD_FILE: setting('SCHEMA_REGISTRY_PASSWORD_FILE', 'file with the registry password'),
  CLICKHOUSE_URL: setting('CLICKHOUSE_URL', "ClickHouse's HTTP interface", 'http://127.0.0.1:8123'),
  CLICKHOUSE_USERNAME: setting('CLICKHOUSE_USERNAME', 'ClickHouse user'),
  CLICKHOUSE_PASSWORD: setting('CLICKHOUSE_PASSWORD', 'ClickHouse password'),
  CLICKHOUSE_PASSWORD_FILE: setting('CLICKHOUSE_PASSWORD_FILE', 'file with the ClickHouse password'),
  CLICKHOUSE_CLUSTER: setting('CLICKHOUSE_CLUSTER', 'cluster on which tables are made'),
  CLICKHOUSE_DATABASE: setting('CLICKHOUSE_DATABASE', 'database, created if missing', 'chartmogul'),
  DATA_DIR: setting('DATA_DIR', 'where local services keep their files', '.data'),
};

export type SettingName = keyof typeof definitions;
type Values = Readonly<Record<SettingName, string>>;

/** Name, meaning and default of every setting, for `--help` and the README. */
export const settingDocs: readonly { name: string; doc: string; standard: string }[] = Object.values(
  definitions,
).map(({ env, doc, default: standard }) => ({ name: env, doc, standard }));

/**
 * The settings of this process: the environment first, then `.env`, then the JSON file named by CONFIG_FILE
 * (an object of the same names), then the defaults. Nothing else reads `process.env`.
 *
 * @throws ConfigError naming the variable, what it got (unless secret) and what it wants.
 */
export function loadSettings(processEnv: NodeJS.ProcessEnv = process.env, dotEnvPath = '.env'): Settings {
  const env = { ...withoutBlanks(readDotEnv(dotEnvPath)), ...withoutBlanks(processEnv) };
  const config = convict(definitions, { env, args: [] });
  const configFile = env['CONFIG_FILE'];
  if (configFile !== undefined) config.load(readConfigFile(configFile));
  return parse(config.getProperties());
}

/** The environment for a program that we start: without our settings, so that no secret of ours reaches it. */
export function childEnvironment(processEnv: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const isOurs = (name: string) => Object.hasOwn(definitions, name) || name === 'CONFIG_FILE';
  return Object.fromEntries(Object.entries(processEnv).filter(([name]) => !isOurs(name)));
}

function parse(values: Values): Settings {
  const username = values.KAFKA_USERNAME;
  const mechanism = values.KAFKA_SASL_MECHANISM;
  if ((username === '') !== (mechanism === '')) {
    throw new ConfigError('KAFKA_USERNAME and KAFKA_SASL_MECHANISM want to be set together or not at all');
  }
  const kafkaPassword = secret(values, 'KAFKA_PASSWORD');
  if (username === '' && kafkaPassword !== undefined) {
    throw new ConfigError('KAFKA_PASSWORD is set, wants KAFKA_USERNAME beside it');
  }
  return Object.freeze({
    chartmogul: Object.freeze({
      apiKey: secret(values, 'CHARTMOGUL_API_KEY'),
      baseUrl: chartmogulUrl(values.CHARTMOGUL_BASE_URL),
    }),
    kafka: Object.freeze({
      brokers: brokers(values.KAFKA_BROKERS),
      ssl: boolean('KAFKA_SSL', values.KAFKA_SSL),
      sasl:
        username === ''
          ? undefined
          : {
              mechanism: oneOf('KAFKA_SASL_MECHANISM', mechanism.toLowerCase(), saslMechanisms),
              username,
              password: kafkaPassword ?? new Secret(''),
            },
    }),
    topicPrefix: pattern(
      'TOPIC_PREFIX',
      values.TOPIC_PREFIX,
      /^[A-Za-z0-9._-]{1,100}$/,
      'up to 100 of A-Z a-z 0-9 . _ -',
    ),
    schemaRegistry: Object.freeze({
      url: httpUrl('SCHEMA_REGISTRY_URL', values.SCHEMA_REGISTRY_URL),
      credentials: credentials(values, 'SCHEMA_REGISTRY_USERNAME', 'SCHEMA_REGISTRY_PASSWORD'),
    }),
    clickhouse: Object.freeze({
      url: httpUrl('CLICKHOUSE_URL', values.CLICKHOUSE_URL),
      credentials: credentials(values, 'CLICKHOUSE_USERNAME', 'CLICKHOUSE_PASSWORD'),
      database: identifier('CLICKHOUSE_DATABASE', values.CLICKHOUSE_DATABASE),
      cluster:
        values.CLICKHOUSE_CLUSTER === ''
          ? undefined
          : identifier('CLICKHOUSE_CLUSTER', values.CLICKHOUSE_CLUSTER),
    }),
    dataDir: values.DATA_DIR,
  });
}

function wrong(name: string, got: string, wants: string): ConfigError {
  return new ConfigError(`${name} is ${JSON.stringify(got)}, wants ${wants}`);
}

/** For addresses: a mistyped one may hold a password, and is then not repeated. */
function wrongAddress(name: string, got: string, wants: string): ConfigError {
  return /[@?#]/.test(got)
    ? new ConfigError(`${name} is not understood, wants ${wants}`)
    : wrong(name, got, wants);
}

function withoutBlanks(env: NodeJS.ProcessEnv): Record<string, string> {
  const set = Object.entries(env).filter((entry): entry is [string, string] => (entry[1] ?? '') !== '');
  return Object.fromEntries(set);
}

function readDotEnv(path: string): NodeJS.ProcessEnv {
  if (!existsSync(path)) return {};
  try {
    return parseEnv(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new ConfigError(`${path} cannot be read: ${messageOf(error)}`);
  }
}

function readConfigFile(path: string): Record<string, string> {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    // The parser quotes the text around the fault, which may hold a secret: name the kind of fault only.
    const fault = error instanceof SyntaxError ? 'not JSON' : messageOf(error);
    throw wrong('CONFIG_FILE', path, `a JSON file that can be read (${fault})`);
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw wrong('CONFIG_FILE', path, 'a JSON object of setting names and values');
  }
  for (const [name, value] of Object.entries(content)) {
    if (!Object.hasOwn(definitions, name))
      throw wrong('CONFIG_FILE', path, `only known settings (it has ${JSON.stringify(name)})`);
    if (typeof value !== 'string') throw wrong('CONFIG_FILE', path, `a string for ${name}`);
  }
  return content as Record<string, string>;
}

function secret(
  values: Values,
  name: 'CHARTMOGUL_API_KEY' | 'KAFKA_PASSWORD' | 'SCHEMA_REGISTRY_PASSWORD' | 'CLICKHOUSE_PASSWORD',
) {
  const direct = values[name];
  const file = values[`${name}_FILE`];
  if (direct !== '' && file !== '')
    throw new ConfigError(`${name} and ${name}_FILE are both set, set only one of them`);
  if (file === '') return direct === '' ? undefined : new Secret(direct);
  try {
    const content = readFileSync(file, 'utf8').trim();
    if (content !== '') return new Secret(content);
  } catch (error) {
    throw wrong(`${name}_FILE`, file, `a file that can be read (${messageOf(error)})`);
  }
  throw wrong(`${name}_FILE`, file, 'a file that is not empty');
}

function credentials(
  values: Values,
  usernameName: 'SCHEMA_REGISTRY_USERNAME' | 'CLICKHOUSE_USERNAME',
  passwordName: 'SCHEMA_REGISTRY_PASSWORD' | 'CLICKHOUSE_PASSWORD',
): Credentials | undefined {
  const password = secret(values, passwordName);
  const username = values[usernameName];
  if (username !== '') return { username, password: password ?? new Secret('') };
  if (password !== undefined)
    throw new ConfigError(`${passwordName} is set, wants ${usernameName} beside it`);
  return undefined;
}

function chartmogulUrl(value: string): string {
  const url = httpUrl('CHARTMOGUL_BASE_URL', value);
  if (url.startsWith('http:') && !isLoopback(new URL(url).hostname)) {
    throw wrong('CHARTMOGUL_BASE_URL', value, 'https (plain http only to a loopback host)');
  }
  return url;
}

/** True for the names and addresses that never leave this machine. */
export function isLoopback(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase();
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

function httpUrl(name: string, value: string): string {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url !== undefined && (url.username !== '' || url.password !== '')) {
    throw new ConfigError(`${name} holds a user or password, wants them in settings of their own`);
  }
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '') {
    throw wrongAddress(name, value, 'an http or https address without user, password and query');
  }
  return url.href.replace(/\/+$/, '');
}

function brokers(value: string): string[] {
  const list = value.split(',').map((broker) => broker.trim());
  for (const broker of list) {
    const { host, port } = splitBroker(broker);
    if (host === '' || !(port >= 1 && port <= 65_535))
      throw wrongAddress('KAFKA_BROKERS', value, 'host:port, several by comma');
  }
  return list;
}

/** `host:port` or `[v6]:port` in its two parts; `port` is NaN where there is none. */
export function splitBroker(broker: string): { host: string; port: number } {
  const match = /^(\[[^\]]+\]|[^:\s/@]+):(\d{1,5})$/.exec(broker);
  const host = match?.[1]?.replace(/^\[|\]$/g, '') ?? '';
  if (match?.[1]?.startsWith('[') === true && !isIPv6(host)) return { host: '', port: NaN };
  return { host, port: Number(match?.[2] ?? NaN) };
}

function boolean(name: SettingName, value: string): boolean {
  return oneOf(name, value.toLowerCase(), ['true', 'false', '1', '0']).match(/true|1/) !== null;
}

function oneOf<T extends string>(name: SettingName, value: string, choices: readonly T[]): T {
  const choice = choices.find((candidate) => candidate === value);
  if (choice === undefined) throw wrong(name, value, `one of ${choices.join(', ')}`);
  return choice;
}

function identifier(name: SettingName, value: string): string {
  return pattern(
    name,
    value,
    /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/,
    'a letter or _, then letters, digits, _ or -',
  );
}

function pattern(name: SettingName, value: string, allowed: RegExp, wants: string): string {
  if (!allowed.test(value)) throw wrong(name, value, wants);
  return value;
}
