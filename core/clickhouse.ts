import { ClickHouseError, ClickHouseLogLevel, createClient, type ClickHouseClient } from '@clickhouse/client';
import type { ClickHouseSettings } from './config.ts';
import { createProxyAgent } from './http/proxy.ts';
import { EtlError, notAnswering, ServiceRefusedError, ServiceUnavailableError } from './errors.ts';
import { probeRetry, retry } from './retry.ts';

export type { ClickHouseClient } from '@clickhouse/client';

const ANSWER_TIMEOUT_MS = 120_000;
const MAX_CONNECTIONS = 16;

/** Server errors that pass by themselves; the list that ClickHouse's own Kafka Connect sink retries. */
const retriableCodes = new Set([
  '3', // UNEXPECTED_END_OF_FILE
  '107', // FILE_DOESNT_EXIST
  '159', // TIMEOUT_EXCEEDED
  '164', // READONLY
  '202', // TOO_MANY_SIMULTANEOUS_QUERIES
  '203', // NO_FREE_CONNECTION
  '209', // SOCKET_TIMEOUT
  '210', // NETWORK_ERROR
  '241', // MEMORY_LIMIT_EXCEEDED
  '242', // TABLE_IS_READ_ONLY
  '252', // TOO_MANY_PARTS
  '285', // TOO_FEW_LIVE_REPLICAS
  '319', // UNKNOWN_STATUS_OF_INSERT
  '425', // SYSTEM_ERROR
  '999', // KEEPER_EXCEPTION
]);

/**
 * A client of the ClickHouse server; close it when done. It has no default database, since the first thing a sink does is to
 * create it: name tables with {@link qualified}.
 */
export function createClickHouse(settings: ClickHouseSettings): ClickHouseClient {
  const { credentials } = settings;
  return createClient({
    url: settings.url,
    ...(credentials && { username: credentials.username, password: credentials.password.reveal() }),
    application: 'chartmogul-clickhouse',
    request_timeout: ANSWER_TIMEOUT_MS,
    max_open_connections: MAX_CONNECTIONS,
    ...(settings.proxy && { http_agent: createProxyAgent(settings.url, settings.proxy, MAX_CONNECTIONS) }),
    // It logs errors itself, with the query; ours say what to do.
    log: { level: ClickHouseLogLevel.OFF },
  });
}

/**
 * The server's version, when it answers a query.
 *
 * @throws ServiceUnavailableError or ServiceRefusedError naming CLICKHOUSE_URL and the cure.
 */
export async function probeClickHouse(
  client: ClickHouseClient,
  settings: ClickHouseSettings,
  signal: AbortSignal,
): Promise<string> {
  return retry({ service: 'clickhouse' }, probeRetry, signal, async () => {
    try {
      const result = await client.query({
        query: 'SELECT version()',
        format: 'TabSeparated',
        abort_signal: signal,
      });
      return (await result.text()).trim();
    } catch (error) {
      throw clickHouseError(error, settings);
    }
  });
}

/** The rows that a query answers. @throws what the client throws: see {@link clickHouseError} */
export async function askRows<T>(client: ClickHouseClient, query: string, signal: AbortSignal): Promise<T[]> {
  const answer = await client.query({ query, format: 'JSONEachRow', abort_signal: signal });
  return answer.json<T>();
}

/** What a failure of the client means for us. `doing` names table or query, never values. */
export function clickHouseError(error: unknown, settings: ClickHouseSettings, doing = ''): EtlError {
  if (error instanceof EtlError) return error;
  const prefix = doing === '' ? '' : `${doing}: `;
  const at = `${settings.url} (CLICKHOUSE_URL)`;
  // Not what the server said, but what was made of it.
  if (error instanceof TypeError || error instanceof SyntaxError || error instanceof RangeError) {
    return new ServiceRefusedError(`${prefix}ClickHouse at ${at} gives a strange answer: ${error.message}`, {
      cause: error,
    });
  }
  if (!(error instanceof ClickHouseError)) {
    return notAnswering('ClickHouse', at, error, { prefix });
  }
  const said = `ClickHouse at ${at} answers code ${error.code} (${error.type ?? 'no name'}): ${error.message.slice(0, 300)}`;
  if (retriableCodes.has(error.code))
    return new ServiceUnavailableError('ClickHouse', `${prefix}${said}`, { cause: error });
  const cure = error.code === '516' ? '. Check CLICKHOUSE_USERNAME and CLICKHOUSE_PASSWORD' : '';
  return new ServiceRefusedError(`${prefix}${said}${cure}`, { cause: error });
}

/** Whether the server answered with this code. */
export function isClickHouseCode(error: unknown, code: string): boolean {
  if (error instanceof ClickHouseError) return error.code === code;
  return error instanceof EtlError && isClickHouseCode(error.cause, code);
}

/** An identifier as SQL. */
export function quoted(name: string): string {
  return `\`${name.replace(/[\\`]/g, '\\$&')}\``;
}

/** A text as SQL. */
export function literal(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}

/** `database`.`table` as SQL. */
export function qualified(database: string, table: string): string {
  return `${quoted(database)}.${quoted(table)}`;
}
