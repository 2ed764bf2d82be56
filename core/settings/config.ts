import convict from 'convict';
import { existsSync, readFileSync } from 'node:fs';
import { allowedEnvironment, type NeedyProgram } from '../child-environment.mjs';
import { parseDotEnv } from './dot-env.ts';
import { ConfigError, messageOf } from '../errors.ts';
import { proxyFor } from '../http/proxy.ts';
import { findLocalCredentials } from './local-credentials.ts';
import { produceSettings, type ProduceSettings } from './produce-settings.ts';
import { rememberPasswordsIn, rememberSecret } from '../redact.ts';
import { Secret } from './secret.ts';
import { MAX_DECODED_MIB, setSizeLimit } from '../size-limit.ts';
import {
  boolean,
  brokers,
  chartmogulUrl,
  httpUrl,
  identifier,
  integer,
  isLoopback,
  number,
  oneOf,
  pattern,
  proxyUrl,
  secretText,
  shownValue,
  splitBroker,
  wrong,
} from './setting-values.ts';

export type { DriftMode, MetricsInterval, ProduceSettings } from './produce-settings.ts';

export interface Credentials {
  readonly username: string;
  readonly password: Secret;
}

export interface ChartMogulSettings {
  readonly apiKey: Secret | undefined;
  /** Without a trailing slash. */
  readonly baseUrl: string;
  /** Over all streams. */
  readonly maxRequestsPerSecond: number;
  /** The address of the proxy, which may contain a password. */
  readonly proxy?: Secret;
}

export interface KafkaSettings {
  /** `host:port` of each bootstrap broker. */
  readonly brokers: readonly string[];
  readonly ssl: boolean;
  readonly sasl: (Credentials & { readonly mechanism: SaslMechanism }) | undefined;
  /** How long new topics keep a delete; undefined means the default. */
  readonly tombstoneRetentionDays?: number;
}

export interface SchemaRegistrySettings {
  /** Without a trailing slash; any path is kept. */
  readonly url: string;
  readonly credentials: Credentials | undefined;
  readonly proxy?: Secret;
}

export interface ClickHouseSettings {
  readonly url: string;
  readonly proxy?: Secret;
  readonly credentials: Credentials | undefined;
  readonly database: string;
  readonly cluster: string | undefined;
}

export interface Settings {
  readonly chartmogul: ChartMogulSettings;
  readonly produce: ProduceSettings;
  readonly kafka: KafkaSettings;
  readonly topicPrefix: string;
  readonly schemaRegistry: SchemaRegistrySettings;
  readonly clickhouse: ClickHouseSettings;
  /** The port at which `produce` and `sink` serve metrics; undefined turns them off. */
  readonly metricsPort: number | undefined;
  /** The folder of the local services' files. */
  readonly dataDir: string;
}

const saslMechanisms = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;
export type SaslMechanism = (typeof saslMechanisms)[number];

export const TOMBSTONE_RETENTION_DAYS = 7;

/** A setting has the same name in the environment, in `.env` and in CONFIG_FILE. */
const setting = (env: string, doc: string, standard = '') => ({
  doc,
  env,
  format: String,
  default: standard,
  sensitive: isSensitive(env) || /^HTTPS?_PROXY$/.test(env),
});

/** Whether the whole value is a secret. */
function isSensitive(name: string): boolean {
  return /(KEY|PASSWORD|TOKEN)$/.test(name);
}

const definitions = {
  CHARTMOGUL_API_KEY: setting('CHARTMOGUL_API_KEY', 'API key of the ChartMogul account'),
  CHARTMOGUL_API_KEY_FILE: setting('CHARTMOGUL_API_KEY_FILE', 'file that holds the API key'),
  CHARTMOGUL_BASE_URL: setting('CHARTMOGUL_BASE_URL', "the API's address", 'https://api.chartmogul.com/v1'),
  CHARTMOGUL_MAX_REQUESTS_PER_SECOND: setting(
    'CHARTMOGUL_MAX_REQUESTS_PER_SECOND',
    'over all streams; ChartMogul allows an account 40',
    '39',
  ),
  METRICS_START_DATE: setting('METRICS_START_DATE', 'first day of the metrics', '2010-01-01'),
  METRICS_INTERVALS: setting('METRICS_INTERVALS', 'comma list: day, week, month, quarter, year', 'month'),
  METRICS_LOOK_BACK_DAYS: setting('METRICS_LOOK_BACK_DAYS', 'how far back metrics are read again; else all'),
  FULL_ROUND_DAYS: setting(
    'FULL_ROUND_DAYS',
    'after how many days the lists of all customers are read again, changed or not',
    '7',
  ),
  MASS_DELETE_PERCENT: setting('MASS_DELETE_PERCENT', 'a stream that would lose more than this stops', '10'),
  STREAM_MODES: setting('STREAM_MODES', 'comma list of stream=mode: evolve (default), freeze, discard'),
  KAFKA_BROKERS: setting('KAFKA_BROKERS', 'comma list of host:port', '127.0.0.1:9092'),
  KAFKA_SSL: setting('KAFKA_SSL', 'true or false', 'false'),
  KAFKA_SASL_MECHANISM: setting('KAFKA_SASL_MECHANISM', saslMechanisms.join(', ')),
  KAFKA_USERNAME: setting('KAFKA_USERNAME', 'SASL user'),
  KAFKA_PASSWORD: setting('KAFKA_PASSWORD', 'SASL password'),
  KAFKA_PASSWORD_FILE: setting('KAFKA_PASSWORD_FILE', 'file that holds the SASL password'),
  TOPIC_PREFIX: setting('TOPIC_PREFIX', 'prefix of every topic, subject and group', 'chartmogul.'),
  TOMBSTONE_RETENTION_DAYS: setting(
    'TOMBSTONE_RETENTION_DAYS',
    'how long new topics keep a delete: how long a sink may be away',
    String(TOMBSTONE_RETENTION_DAYS),
  ),
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
  HTTPS_PROXY: setting('HTTPS_PROXY', 'proxy for https addresses of ChartMogul, the registry and ClickHouse'),
  HTTP_PROXY: setting('HTTP_PROXY', 'the same for http addresses, other than those of this machine'),
  NO_PROXY: setting('NO_PROXY', 'comma list of hosts that are reached directly, or *'),
  ALLOW_PLAINTEXT_CREDENTIALS: setting(
    'ALLOW_PLAINTEXT_CREDENTIALS',
    'true lets passwords travel unencrypted to other machines',
    'false',
  ),
  MAX_DECODED_MIB: setting(
    'MAX_DECODED_MIB',
    'the most MiB of a decompressed record batch, or of an answer that is read whole',
    String(MAX_DECODED_MIB),
  ),
  METRICS_PORT: setting('METRICS_PORT', 'port of the metrics for Prometheus; off without one'),
  DATA_DIR: setting('DATA_DIR', 'where local services keep their files', '.data'),
};

export type SettingName = keyof typeof definitions;
type Values = Readonly<Record<SettingName, string>>;

/** Other programs also read these names in lower case. */
const proxySettings = ['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY'] as const;

/** Name, meaning and default of every setting, for docs/reference/settings.md. */
export const settingDocs: readonly { name: string; doc: string; standard: string }[] = Object.values(
  definitions,
).map(({ env, doc, default: standard }) => ({ name: env, doc, standard }));

/**
 * Reads the settings of this process: the environment first, then `.env`, then the JSON file named by
 * CONFIG_FILE (an object of the same names, and the list `streams`), then the defaults. Nothing
 * else reads `process.env`. Sets the size limit of the process to MAX_DECODED_MIB.
 *
 * @throws ConfigError naming the variable, its rule and, unless it is secret, its value.
 */
export function loadSettings(processEnv: NodeJS.ProcessEnv = process.env, dotEnvPath = '.env'): Settings {
  const env = { ...withoutBlanks(readDotEnv(dotEnvPath)), ...withoutBlanks(processEnv) };
  for (const name of proxySettings) env[name] ??= env[name.toLowerCase()] ?? '';
  // First, so that no error about one setting shows the secret of another.
  rememberSecrets(env);
  const config = convict(definitions, { env, args: [] });
  const configFile = env['CONFIG_FILE'];
  const file = configFile === undefined ? { values: {}, streams: [] } : readConfigFile(configFile);
  rememberSecrets(file.values);
  config.load(file.values);
  setSizeLimit(integer('MAX_DECODED_MIB', config.get('MAX_DECODED_MIB'), 1, 500));
  return parse(config.getProperties(), file.streams);
}

/** Returns the environment of a child program: an allow-list without our settings. */
export function childEnvironment(
  program?: NeedyProgram,
  processEnv: NodeJS.ProcessEnv = process.env,
): NodeJS.ProcessEnv {
  return allowedEnvironment(processEnv, program);
}

/** Returns the proxy for an address. */
function proxyTo(address: string, values: Values): { readonly proxy?: Secret } {
  const proxy = proxyFor(address, {
    https: proxyUrl('HTTPS_PROXY', values.HTTPS_PROXY),
    http: proxyUrl('HTTP_PROXY', values.HTTP_PROXY),
    none: values.NO_PROXY,
  });
  if (proxy === undefined) return {};
  // An address without a user is not secret.
  return { proxy: new Secret(proxy, new URL(proxy).username === '' ? [] : [proxy]) };
}

function parse(values: Values, customStreams: readonly unknown[]): Settings {
  const chartmogulBaseUrl = chartmogulUrl(values.CHARTMOGUL_BASE_URL);
  const registryUrl = httpUrl('SCHEMA_REGISTRY_URL', values.SCHEMA_REGISTRY_URL);
  const clickhouseUrl = httpUrl('CLICKHOUSE_URL', values.CLICKHOUSE_URL);
  const username = values.KAFKA_USERNAME;
  const mechanism = values.KAFKA_SASL_MECHANISM;
  if ((username === '') !== (mechanism === '')) {
    throw new ConfigError('KAFKA_USERNAME and KAFKA_SASL_MECHANISM must be set together or not at all');
  }
  const kafkaPassword = secret(values, 'KAFKA_PASSWORD');
  if (username === '' && kafkaPassword !== undefined) {
    throw new ConfigError('KAFKA_PASSWORD needs KAFKA_USERNAME');
  }
  const registryCredentials = credentials(values, 'SCHEMA_REGISTRY_USERNAME', 'SCHEMA_REGISTRY_PASSWORD');
  const clickhouseCredentials = credentials(values, 'CLICKHOUSE_USERNAME', 'CLICKHOUSE_PASSWORD');
  for (const [name, url, known] of [
    ['SCHEMA_REGISTRY_URL', registryUrl, registryCredentials],
    ['CLICKHOUSE_URL', clickhouseUrl, clickhouseCredentials],
  ] as const) {
    if (hasPassword(known) && url.startsWith('http:'))
      refusePlaintext(name, [new URL(url).hostname], 'https', values);
  }
  const kafkaBrokers = brokers(values.KAFKA_BROKERS);
  const isEncrypted = boolean('KAFKA_SSL', values.KAFKA_SSL);
  // SCRAM proves knowledge of the password without sending it.
  if (kafkaPassword !== undefined && !isEncrypted && mechanism.toLowerCase() === 'plain') {
    const hosts = kafkaBrokers.map((broker) => splitBroker(broker).host);
    refusePlaintext('KAFKA_BROKERS', hosts, 'KAFKA_SSL=true or a SCRAM mechanism', values);
  }
  return Object.freeze({
    chartmogul: Object.freeze({
      apiKey: secret(values, 'CHARTMOGUL_API_KEY'),
      baseUrl: chartmogulBaseUrl,
      ...proxyTo(chartmogulBaseUrl, values),
      maxRequestsPerSecond: number(
        'CHARTMOGUL_MAX_REQUESTS_PER_SECOND',
        values.CHARTMOGUL_MAX_REQUESTS_PER_SECOND,
        0.1,
        10_000,
      ),
    }),
    produce: produceSettings(values, customStreams),
    kafka: Object.freeze({
      brokers: kafkaBrokers,
      ssl: isEncrypted,
      sasl:
        username === ''
          ? undefined
          : {
              mechanism: oneOf('KAFKA_SASL_MECHANISM', mechanism.toLowerCase(), saslMechanisms),
              username,
              password: kafkaPassword ?? new Secret(''),
            },
      tombstoneRetentionDays: integer('TOMBSTONE_RETENTION_DAYS', values.TOMBSTONE_RETENTION_DAYS, 1, 36_500),
    }),
    topicPrefix: pattern(
      'TOPIC_PREFIX',
      values.TOPIC_PREFIX,
      /^[A-Za-z0-9._-]{1,100}$/,
      'up to 100 of A-Z a-z 0-9 . _ -',
    ),
    schemaRegistry: Object.freeze({
      url: registryUrl,
      ...proxyTo(registryUrl, values),
      credentials: registryCredentials,
    }),
    clickhouse: Object.freeze({
      url: clickhouseUrl,
      ...proxyTo(clickhouseUrl, values),
      credentials: hasPassword(clickhouseCredentials)
        ? clickhouseCredentials
        : (findLocalCredentials(values.DATA_DIR, clickhouseUrl, clickhouseCredentials?.username) ??
          clickhouseCredentials),
      database: identifier('CLICKHOUSE_DATABASE', values.CLICKHOUSE_DATABASE),
      cluster:
        values.CLICKHOUSE_CLUSTER === ''
          ? undefined
          : identifier('CLICKHOUSE_CLUSTER', values.CLICKHOUSE_CLUSTER),
    }),
    metricsPort:
      values.METRICS_PORT === '' ? undefined : integer('METRICS_PORT', values.METRICS_PORT, 1, 65_535),
    dataDir: values.DATA_DIR,
  });
}

function rememberSecrets(values: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(values)) {
    if (!Object.hasOwn(definitions, name)) continue;
    if (isSensitive(name)) rememberSecret(value.trim());
    else rememberPasswordsIn(value);
  }
}

/** @throws ConfigError if a password would leave this machine unencrypted without permission. */
function refusePlaintext(name: string, hosts: readonly string[], remedy: string, values: Values): void {
  const allowing = 'ALLOW_PLAINTEXT_CREDENTIALS';
  if (hosts.every(isLoopback) || boolean(allowing, values[allowing])) return;
  throw new ConfigError(
    `${name} names another machine, and the password would travel unencrypted: use ${remedy}, or set ${allowing}=true`,
  );
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

/** Editors on Windows begin a text with a byte order mark. */
function readTextFile(path: string): string {
  return readFileSync(path, 'utf8').replace(/^\uFEFF/, '');
}

interface ConfigFile {
  readonly values: Readonly<Record<string, string>>;
  readonly streams: readonly unknown[];
}

function readConfigFile(path: string): ConfigFile {
  let content: unknown;
  try {
    content = JSON.parse(readTextFile(path));
  } catch (error) {
    // The parser quotes the text around the fault, which may hold a secret: name the kind of fault only.
    if (error instanceof SyntaxError) throw wrong('CONFIG_FILE', path, 'a readable JSON file (not JSON)');
    // An API key may contain a slash, so a slash alone does not make a path.
    const isPath = /^[\w\s./\\:~@+-]+$/.test(path) && /^(\.{0,2}|~|[A-Z]:)[/\\]|\.json$/i.test(path);
    if (!isPath) throw unreadable('CONFIG_FILE', path, error);
    throw wrong('CONFIG_FILE', path, `a readable JSON file (${codeOf(error)})`);
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw wrong('CONFIG_FILE', path, 'a JSON object of setting names and values');
  }
  const { streams = [], ...values } = content as Record<string, unknown>;
  if (!Array.isArray(streams)) throw wrong('CONFIG_FILE', path, 'a file with a list for streams');
  for (const [name, value] of Object.entries(values)) {
    if (!Object.hasOwn(definitions, name))
      throw wrong('CONFIG_FILE', path, `a file of known settings only (it has ${shownValue(name)})`);
    if (typeof value !== 'string') throw wrong('CONFIG_FILE', path, `a file with a string for ${name}`);
  }
  return { values: values as Record<string, string>, streams };
}

/** The value may be the secret itself instead of a path. Node's message would show it. */
function unreadable(name: string, value: string, error: unknown): ConfigError {
  rememberSecret(value.trim());
  return new ConfigError(`${name} must be the path of a readable file (${codeOf(error)})`);
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown fault';
}

function secret(
  values: Values,
  name: 'CHARTMOGUL_API_KEY' | 'KAFKA_PASSWORD' | 'SCHEMA_REGISTRY_PASSWORD' | 'CLICKHOUSE_PASSWORD',
) {
  const direct = values[name];
  const file = values[`${name}_FILE`];
  if (direct !== '' && file !== '')
    throw new ConfigError(`${name} and ${name}_FILE are both set, set only one of them`);
  if (file === '') return direct === '' ? undefined : new Secret(secretText(name, direct));
  let content: string;
  try {
    content = readTextFile(file);
  } catch (error) {
    throw unreadable(`${name}_FILE`, file, error);
  }
  return new Secret(secretText(`${name}_FILE`, content));
}

function credentials(
  values: Values,
  usernameName: 'SCHEMA_REGISTRY_USERNAME' | 'CLICKHOUSE_USERNAME',
  passwordName: 'SCHEMA_REGISTRY_PASSWORD' | 'CLICKHOUSE_PASSWORD',
): Credentials | undefined {
  const password = secret(values, passwordName);
  const username = values[usernameName];
  if (password !== undefined) rememberSecret(`${username}:${password.reveal()}`);
  if (username !== '') return { username, password: password ?? new Secret('') };
  if (password !== undefined) throw new ConfigError(`${passwordName} needs ${usernameName}`);
  return undefined;
}

export function hasPassword(known: Credentials | undefined): boolean {
  return known !== undefined && known.password.reveal() !== '';
}
