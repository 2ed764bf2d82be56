import { MAX_DECODED_MIB } from '../size-limit.ts';
import { metricsIntervals, startDate, streamModes } from './produce-settings.ts';
import {
  boolean,
  brokers,
  chartmogulUrl,
  decimal,
  host,
  httpUrl,
  identifier,
  integer,
  oneOf,
  pattern,
  proxyUrl,
  saslExtensions,
  severalOf,
  streamList,
} from './setting-values.ts';

export const saslMechanisms = ['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer'] as const;

export const TOMBSTONE_RETENTION_DAYS = 7;

/** @throws ConfigError that names the setting, the rule and, unless it is secret, the value. */
type Parser<T> = (name: string, value: string) => T;

interface Definition<T> {
  readonly doc: string;
  readonly parse: Parser<T>;
  readonly standard: string;
}

function setting<T>(doc: string, parse: Parser<T>, standard = ''): Definition<T> {
  return { doc, parse, standard };
}

/**
 * Defines a secret, and its alternatives: a file that contains it, and a program that prints it.
 */
function secretSettings<Name extends string>(name: Name, doc: string) {
  const definitions = {
    [name]: setting(doc, text),
    [`${name}_FILE`]: setting(`file with the ${doc}`, text),
    [`${name}_COMMAND`]: setting(`program that prints the ${doc}`, text),
  };
  return definitions as Record<Name | `${Name}_FILE` | `${Name}_COMMAND`, Definition<string>>;
}

const text: Parser<string> = (_, value) => value;

const whole =
  (min: number, max: number): Parser<number> =>
  (name, value) =>
    integer(name, value, min, max);

const optional =
  <T>(parse: Parser<T>): Parser<T | undefined> =>
  (name, value) =>
    value === '' ? undefined : parse(name, value);

/** Every setting, by its name in the environment, in `.env` and in CONFIG_FILE. */
export const definitions = {
  ...secretSettings('CHARTMOGUL_API_KEY', 'API key of the ChartMogul account'),
  CHARTMOGUL_BASE_URL: setting("URL of ChartMogul's API", chartmogulUrl, 'https://api.chartmogul.com/v1'),
  CHARTMOGUL_MAX_REQUESTS_PER_SECOND: setting(
    'maximum over all streams; ChartMogul allows 40 per account',
    decimal(0.1, 10_000),
    '39.5',
  ),
  METRICS_START_DATE: setting('first day of the metrics', startDate, '2010-01-01'),
  METRICS_INTERVALS: setting(
    'comma-separated list of day, week, month, quarter, year',
    (name, value) => severalOf(name, value, metricsIntervals),
    'month',
  ),
  METRICS_LOOK_BACK_DAYS: setting(
    'days of metrics that a run reads again; if unset, all days',
    optional(whole(1, 36_500)),
  ),
  FULL_ROUND_DAYS: setting(
    'days between full refreshes, which read the child lists of all parents',
    whole(1, 365),
    '7',
  ),
  MASS_DELETE_PERCENT: setting(
    'a stream fails if a run would delete more than this percentage of its records',
    decimal(0, 100),
    '10',
  ),
  STREAM_MODES: setting(
    'comma-separated list of stream=mode: evolve (default), freeze, discard',
    streamModes,
  ),
  KAFKA_BROKERS: setting('comma-separated list of host:port', brokers, '127.0.0.1:9092'),
  KAFKA_SSL: setting('true connects with TLS', boolean, 'false'),
  KAFKA_SSL_CA_FILE: setting('file with the CA of the brokers; if unset, the CAs that Node trusts', text),
  KAFKA_SSL_CERT_FILE: setting('file with the client certificate, if the brokers require one', text),
  KAFKA_SSL_KEY_FILE: setting('file with the private key of KAFKA_SSL_CERT_FILE', text),
  ...secretSettings('KAFKA_SSL_KEY_PASSWORD', 'password of KAFKA_SSL_KEY_FILE'),
  KAFKA_SASL_MECHANISM: setting(
    `SASL mechanism: ${saslMechanisms.join(', ')}`,
    optional((name, value) => oneOf(name, value.toLowerCase(), saslMechanisms)),
  ),
  KAFKA_USERNAME: setting('SASL user for plain and scram', text),
  ...secretSettings('KAFKA_PASSWORD', 'SASL password'),
  KAFKA_OAUTH_TOKEN_URL: setting('token endpoint of the OAuth server, for oauthbearer', optional(httpUrl)),
  KAFKA_OAUTH_CLIENT_ID: setting('client ID for the OAuth server (grant client_credentials)', text),
  ...secretSettings('KAFKA_OAUTH_CLIENT_SECRET', 'secret of KAFKA_OAUTH_CLIENT_ID'),
  KAFKA_OAUTH_SCOPE: setting('scope of the token, if the OAuth server requires one', text),
  KAFKA_OAUTH_EXTENSIONS: setting(
    'comma-separated list of name=value pairs that the brokers require with the token',
    saslExtensions,
  ),
  TOPIC_PREFIX: setting(
    'prefix of every topic, subject and group',
    (name, value) => pattern(name, value, /^[A-Za-z0-9._-]{1,100}$/, 'up to 100 of A-Z a-z 0-9 . _ -'),
    'chartmogul.',
  ),
  TOMBSTONE_RETENTION_DAYS: setting(
    'days for which new topics keep deletes: the longest time a sink may be stopped',
    whole(1, 36_500),
    String(TOMBSTONE_RETENTION_DAYS),
  ),
  TOPIC_PARTITIONS: setting(
    'partitions of new topics: the maximum number of sinks that can share one stream',
    whole(1, 1_000),
    '4',
  ),
  TOPIC_REPLICATION_FACTOR: setting(
    "replication factor of new topics; if unset, the brokers' default",
    optional(whole(1, 100)),
  ),
  SCHEMA_REGISTRY_URL: setting('Confluent-compatible registry', httpUrl, 'http://127.0.0.1:8081'),
  SCHEMA_REGISTRY_CA_FILE: setting(
    'file with the CA of an https registry; if unset, the CAs that Node trusts',
    text,
  ),
  SCHEMA_REGISTRY_USERNAME: setting('registry user', text),
  ...secretSettings('SCHEMA_REGISTRY_PASSWORD', 'registry password'),
  CLICKHOUSE_URL: setting("ClickHouse's HTTP interface", httpUrl, 'http://127.0.0.1:8123'),
  CLICKHOUSE_CA_FILE: setting(
    'file with the CA of an https ClickHouse; if unset, the CAs that Node trusts',
    text,
  ),
  CLICKHOUSE_USERNAME: setting('ClickHouse user', text),
  ...secretSettings('CLICKHOUSE_PASSWORD', 'ClickHouse password'),
  CLICKHOUSE_READER_USERNAME: setting(
    'user that runs the queries of `query`, `show` and `mcp`; if unset, CLICKHOUSE_USERNAME',
    text,
  ),
  ...secretSettings('CLICKHOUSE_READER_PASSWORD', 'password of CLICKHOUSE_READER_USERNAME'),
  CLICKHOUSE_CLUSTER: setting('cluster on which tables are created', optional(identifier)),
  CLICKHOUSE_DATABASE: setting('database; created if missing', identifier, 'chartmogul'),
  HISTORY_STREAMS: setting(
    'comma-separated list of streams for which every version of a record is kept; must be the same for all sinks',
    streamList,
  ),
  ...secretSettings('PGPASSWORD', 'password for `export --to postgres://…`, if the address has none'),
  AWS_ACCESS_KEY_ID: setting('access key for `export --to s3://…`; if unset, the usual AWS sources', text),
  ...secretSettings('AWS_SECRET_ACCESS_KEY', 'secret access key for `export --to s3://…`'),
  ...secretSettings('AWS_SESSION_TOKEN', 'session token of temporary AWS credentials'),
  AWS_REGION: setting('region of the bucket', text),
  AWS_ENDPOINT_URL_S3: setting('URL of an S3 server other than AWS', optional(httpUrl)),
  HTTPS_PROXY: setting('proxy for https URLs, except those of S3', proxyUrl),
  HTTP_PROXY: setting('proxy for http URLs, except those of this machine', proxyUrl),
  NO_PROXY: setting('comma-separated list of hosts that are reached directly, or * for all', text),
  ALLOW_PLAINTEXT_CREDENTIALS: setting(
    'true allows passwords to be sent unencrypted to other machines',
    boolean,
    'false',
  ),
  MAX_DECODED_MIB: setting(
    'maximum size in MiB of a decompressed record batch, or of a response that is read into memory',
    whole(1, 500),
    String(MAX_DECODED_MIB),
  ),
  METRICS_PORT: setting(
    'port of /metrics, /healthz and /readyz; if unset, nothing is served',
    optional(whole(1, 65_535)),
  ),
  OTEL_EXPORTER_OTLP_ENDPOINT: setting(
    'URL of an OpenTelemetry collector (OTLP over HTTP), such as http://127.0.0.1:4318; if unset, nothing is exported',
    optional(httpUrl),
  ),
  ...secretSettings('OTEL_EXPORTER_OTLP_HEADERS', 'headers for the collector: name=value, comma-separated'),
  OTEL_SERVICE_NAME: setting(
    'service name in traces and metrics; if unset, `chartmogul-` followed by the command',
    text,
  ),
  SHOW_HOST: setting('address on which the dashboard listens', host, '127.0.0.1'),
  SHOW_PORT: setting('port of the dashboard', whole(1, 65_535), '4040'),
  ...secretSettings('SHOW_PASSWORD', 'password of the dashboard'),
  WEBHOOK_HOST: setting('address on which the webhook receiver listens', host, '127.0.0.1'),
  WEBHOOK_PORT: setting('port of the webhook receiver', whole(1, 65_535), '4041'),
  ...secretSettings('WEBHOOK_TOKEN', "token in the webhook's URL; required by `webhook`"),
  ...secretSettings('MCP_TOKEN', 'token of `mcp --http`; if unset, each start creates a random token'),
  DATA_DIR: setting(
    'folder for local services, for plans, journals and reports of imports, and for the query history',
    text,
    '.data',
  ),
};

export type SettingName = keyof typeof definitions;

/** A setting whose value may also come from a file or a program. */
export type SecretName = {
  [Name in SettingName]: `${Name}_COMMAND` extends SettingName ? Name : never;
}[SettingName];

export const secretNames = Object.keys(definitions).filter((name): name is SecretName =>
  isSettingName(`${name}_COMMAND`),
);

export type SettingTexts = Readonly<Record<SettingName, string>>;

export function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(definitions, name);
}

/** Returns whether the entire value of the setting is a secret. */
export function isSensitive(name: string): boolean {
  return /(KEY|PASSWORD|TOKEN|HEADERS|SECRET)$/.test(name);
}

export const settingDocs: readonly { name: string; doc: string; standard: string }[] = Object.entries(
  definitions,
).map(([name, { doc, standard }]) => ({ name, doc, standard }));
