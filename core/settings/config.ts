import { ConfigError } from '../errors.ts';
import { rememberSecret } from '../redact.ts';
import { setSizeLimit } from '../size-limit.ts';
import type { SettingTexts } from './definitions.ts';
import { kafkaSettings, type KafkaSettings } from './kafka-settings.ts';
import type { TelemetrySettings } from '../telemetry/telemetry.ts';
import { findLocalCredentials } from './local-credentials.ts';
import { caOf } from './pem-files.ts';
import type { ProduceSettings } from './produce-settings.ts';
import { Secret, type Credentials } from './secret.ts';
import { proxyTo, refusePlaintext, secret, valueOf } from './setting-reading.ts';
import { readSources } from './sources.ts';

export type { DriftMode, MetricsInterval, ProduceSettings } from './produce-settings.ts';
export type { Credentials } from './secret.ts';
export { settingDocs, type SettingName } from './definitions.ts';

export interface SchemaRegistrySettings {
  /** The URL without a trailing slash; any path is kept. */
  readonly url: string;
  readonly credentials: Credentials | undefined;
  /** The address of the proxy, which may contain a password. */
  readonly proxy?: Secret;
  /** Certificates in PEM format, which replace the CAs that Node trusts. */
  readonly ca?: string | undefined;
}

export interface ClickHouseSettings extends SchemaRegistrySettings {
  readonly database: string;
  /** The login for the queries of users and assistants; if undefined, `credentials` is used. */
  readonly reader?: Credentials | undefined;
  readonly cluster: string | undefined;
  /** Streams for which every version of a record is kept. */
  readonly historyStreams?: readonly string[];
}

/** Credentials of the targets of `export`. */
export interface ExportTargetSettings {
  readonly pgPassword: Secret | undefined;
  readonly aws: {
    /** If undefined, the usual AWS sources apply, such as a profile or the role of the machine. */
    readonly credentials:
      { readonly keyId: string; readonly key: Secret; readonly token: Secret | undefined } | undefined;
    readonly region: string | undefined;
    readonly endpoint: string | undefined;
  };
  readonly allowsPlaintext: boolean;
}

export interface Settings {
  readonly chartmogul: {
    readonly apiKey: Secret | undefined;
    /** The URL without a trailing slash. */
    readonly baseUrl: string;
    /** The maximum for all streams together. */
    readonly maxRequestsPerSecond: number;
    readonly proxy?: Secret;
  };
  readonly produce: ProduceSettings;
  readonly kafka: KafkaSettings;
  readonly topicPrefix: string;
  readonly schemaRegistry: SchemaRegistrySettings;
  readonly clickhouse: ClickHouseSettings;
  readonly exportTarget: ExportTargetSettings;
  /** The port of metrics and health; undefined turns both off. */
  readonly metricsPort: number | undefined;
  readonly telemetry: TelemetrySettings;
  /** The dashboard. */
  readonly show: {
    readonly host: string;
    readonly port: number;
    readonly password: Secret | undefined;
  };
  /** The receiver of MRR movements. */
  readonly webhook: {
    readonly host: string;
    readonly port: number;
    readonly token: Secret | undefined;
  };
  /** The token of `mcp --http`. */
  readonly mcpToken: Secret | undefined;
  readonly dataDir: string;
}

/**
 * Reads the settings: the environment first, then `.env`, then the JSON file named by CONFIG_FILE
 * (an object with the same names, and the list `streams`), then the defaults. Runs the programs of
 * `_COMMAND` settings. Sets the size limit of the process to MAX_DECODED_MIB.
 * @throws ConfigError naming the variable, its rule and, unless it is secret, its value.
 */
export function loadSettings(processEnv: NodeJS.ProcessEnv = process.env, dotEnvPath = '.env'): Settings {
  const { texts, customStreams } = readSources(processEnv, dotEnvPath);
  setSizeLimit(valueOf('MAX_DECODED_MIB', texts));
  const kafka = kafkaSettings(texts);
  const registry = serviceAddress('SCHEMA_REGISTRY', texts);
  const clickhouse = serviceAddress('CLICKHOUSE', texts);
  const { url, credentials } = clickhouse;
  const baseUrl = valueOf('CHARTMOGUL_BASE_URL', texts);
  const dataDir = valueOf('DATA_DIR', texts);
  return Object.freeze({
    chartmogul: Object.freeze({
      apiKey: secret('CHARTMOGUL_API_KEY', texts),
      baseUrl,
      ...proxyTo(baseUrl, texts),
      maxRequestsPerSecond: valueOf('CHARTMOGUL_MAX_REQUESTS_PER_SECOND', texts),
    }),
    produce: Object.freeze({
      metrics: Object.freeze({
        startDate: valueOf('METRICS_START_DATE', texts),
        intervals: valueOf('METRICS_INTERVALS', texts),
        lookBackDays: valueOf('METRICS_LOOK_BACK_DAYS', texts),
      }),
      fullRoundDays: valueOf('FULL_ROUND_DAYS', texts),
      massDeletePercent: valueOf('MASS_DELETE_PERCENT', texts),
      modes: valueOf('STREAM_MODES', texts),
      customStreams,
    }),
    kafka,
    topicPrefix: valueOf('TOPIC_PREFIX', texts),
    schemaRegistry: registry,
    clickhouse: Object.freeze({
      ...clickhouse,
      credentials: hasPassword(credentials)
        ? credentials
        : (findLocalCredentials(dataDir, url, credentials?.username) ?? credentials),
      reader: readerOf(url, texts),
      database: valueOf('CLICKHOUSE_DATABASE', texts),
      cluster: valueOf('CLICKHOUSE_CLUSTER', texts),
      historyStreams: valueOf('HISTORY_STREAMS', texts),
    }),
    exportTarget: exportTargetSettings(texts),
    metricsPort: valueOf('METRICS_PORT', texts),
    telemetry: telemetrySettings(texts),
    show: Object.freeze({
      host: valueOf('SHOW_HOST', texts),
      port: valueOf('SHOW_PORT', texts),
      password: secret('SHOW_PASSWORD', texts),
    }),
    webhook: Object.freeze({
      host: valueOf('WEBHOOK_HOST', texts),
      port: valueOf('WEBHOOK_PORT', texts),
      token: webhookToken(texts),
    }),
    mcpToken: mcpToken(texts),
    dataDir,
  });
}

function exportTargetSettings(texts: SettingTexts): ExportTargetSettings {
  const [keyId, key] = [valueOf('AWS_ACCESS_KEY_ID', texts), secret('AWS_SECRET_ACCESS_KEY', texts)];
  const token = secret('AWS_SESSION_TOKEN', texts);
  const region = valueOf('AWS_REGION', texts);
  return Object.freeze({
    pgPassword: secret('PGPASSWORD', texts),
    aws: Object.freeze({
      credentials: keyId === '' || key === undefined ? undefined : { keyId, key, token },
      region: region === '' ? undefined : region,
      endpoint: valueOf('AWS_ENDPOINT_URL_S3', texts),
    }),
    allowsPlaintext: valueOf('ALLOW_PLAINTEXT_CREDENTIALS', texts),
  });
}

function telemetrySettings(texts: SettingTexts): TelemetrySettings {
  const endpoint = valueOf('OTEL_EXPORTER_OTLP_ENDPOINT', texts);
  const headers = secret('OTEL_EXPORTER_OTLP_HEADERS', texts);
  const serviceName = valueOf('OTEL_SERVICE_NAME', texts);
  if (headers !== undefined && endpoint?.startsWith('http:') === true)
    refusePlaintext('OTEL_EXPORTER_OTLP_ENDPOINT', [new URL(endpoint).hostname], 'https', texts);
  return Object.freeze({
    endpoint,
    headers,
    ...(endpoint !== undefined && proxyTo(endpoint, texts)),
    serviceName: serviceName === '' ? undefined : serviceName,
  });
}

type Service = 'SCHEMA_REGISTRY' | 'CLICKHOUSE';

function serviceAddress(service: Service, texts: SettingTexts): SchemaRegistrySettings {
  const name = `${service}_URL` as const;
  const url = valueOf(name, texts);
  const credentials = credentialsOf(service, texts);
  refusePlaintextTo(name, url, credentials, texts);
  const ca = caOf(`${service}_CA_FILE`, texts);
  if (ca !== undefined && url.startsWith('http:'))
    throw new ConfigError(`${service}_CA_FILE requires an https address in ${name}`);
  return Object.freeze({ url, ...proxyTo(url, texts), credentials, ...(ca !== undefined && { ca }) });
}

function readerOf(url: string, texts: SettingTexts): Credentials | undefined {
  const reader = credentialsOf('CLICKHOUSE_READER', texts);
  refusePlaintextTo('CLICKHOUSE_URL', url, reader, texts);
  return reader;
}

function refusePlaintextTo(
  name: `${Service}_URL`,
  url: string,
  credentials: Credentials | undefined,
  texts: SettingTexts,
): void {
  if (hasPassword(credentials) && url.startsWith('http:'))
    refusePlaintext(name, [new URL(url).hostname], 'https', texts);
}

const MIN_TOKEN = 16;

function mcpToken(texts: SettingTexts): Secret | undefined {
  const token = secret('MCP_TOKEN', texts);
  if (token === undefined || /^\S{16,}$/.test(token.reveal())) return token;
  throw new ConfigError(`MCP_TOKEN must have ${MIN_TOKEN} or more characters and no spaces`);
}

/** The token is part of a URL. */
function webhookToken(texts: SettingTexts): Secret | undefined {
  const token = secret('WEBHOOK_TOKEN', texts);
  if (token === undefined || /^[\w.~-]{16,256}$/.test(token.reveal())) return token;
  throw new ConfigError(`WEBHOOK_TOKEN must have ${MIN_TOKEN} to 256 characters: A-Z a-z 0-9 . _ ~ -`);
}

function credentialsOf(service: Service | 'CLICKHOUSE_READER', texts: SettingTexts): Credentials | undefined {
  const password = secret(`${service}_PASSWORD`, texts);
  const username = valueOf(`${service}_USERNAME`, texts);
  if (password !== undefined) rememberSecret(`${username}:${password.reveal()}`);
  if (username !== '') return { username, password: password ?? new Secret('') };
  if (password !== undefined) throw new ConfigError(`${service}_PASSWORD requires ${service}_USERNAME`);
  return undefined;
}

export function hasPassword(known: Credentials | undefined): boolean {
  return known !== undefined && known.password.reveal() !== '';
}

/** Switches off the warning that the AWS SDK prints on Node 20, as its documentation recommends. */
export function silenceAwsSdk(): void {
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
}
