import type { IncomingMessage } from 'node:http';
import {
  ClickHouseError,
  ClickHouseLogLevel,
  createClient,
  parseError,
  type ClickHouseClient,
  type ClickHouseSettings as ServerSettings,
} from '@clickhouse/client';
import type { ClickHouseSettings } from '../settings/config.ts';
import { withDeadline } from '../deadline.ts';
import { createBoundedAgent } from '../http/bounded-agent.ts';
import { httpsFault } from '../http/certificate-fault.ts';
import { bodyExcerpt, foreignText } from '../http/foreign-text.ts';
import { credentialsRemedy, withRefusals, type RefusedAnswer } from '../http/refused-answer.ts';
import {
  EtlError,
  messageOf,
  notAnswering,
  ServiceRefusedError,
  ServiceUnavailableError,
} from '../errors.ts';
import { REMEDY } from '../remedy.ts';
import { FIRST_ANSWER_MS, probeRetry, retry } from '../retry.ts';
import { TooLargeError } from '../size-limit.ts';

export type { ClickHouseClient, ClickHouseSettings as ServerSettings } from '@clickhouse/client';

const ANSWER_TIMEOUT_MS = 120_000;
const MAX_CONNECTIONS = 16;

/**
 * A server error that may be temporary. With `isAway`, the server or one of its parts is
 * unavailable, and the caller retries as its policy allows. Without it, the error is often
 * permanent, and even a caller whose policy has no limit gives up.
 */
interface PassingError {
  readonly isAway?: true;
  readonly remedy: string;
}

/** The codes that ClickHouse's own Kafka Connect sink retries, and a few more. */
const passingErrors: Readonly<Record<string, PassingError>> = {
  // UNEXPECTED_END_OF_FILE
  3: { remedy: 'the server received an incomplete request: check the limits of any proxy' },
  107: { remedy: "a file of the table is missing: check the server's disk and log" }, // FILE_DOESNT_EXIST
  159: { remedy: 'raise max_execution_time for this user' }, // TIMEOUT_EXCEEDED
  201: { isAway: true, remedy: "raise the user's quota" }, // QUOTA_EXCEEDED
  // TOO_MANY_SIMULTANEOUS_QUERIES
  202: { isAway: true, remedy: 'raise max_concurrent_queries of the server or the user' },
  203: { isAway: true, remedy: "check the server's connections" }, // NO_FREE_CONNECTION
  209: { isAway: true, remedy: "check the server's network" }, // SOCKET_TIMEOUT
  210: { isAway: true, remedy: "check the server's network" }, // NETWORK_ERROR
  225: { isAway: true, remedy: "check the server's Keeper" }, // NO_ZOOKEEPER
  242: { isAway: true, remedy: "check the server's Keeper and the table's disk" }, // TABLE_IS_READ_ONLY
  285: { isAway: true, remedy: 'check the replicas' }, // TOO_FEW_LIVE_REPLICAS
  319: { isAway: true, remedy: "check the server's Keeper" }, // UNKNOWN_STATUS_OF_INSERT
  999: { isAway: true, remedy: "check the server's Keeper" }, // KEEPER_EXCEPTION
  // MEMORY_LIMIT_EXCEEDED
  241: { remedy: 'raise max_memory_usage for this user, or give the server more memory' },
  // TOO_MANY_PARTS
  252: { isAway: true, remedy: 'merges are slower than inserts: check system.merges and the partitions' },
  279: { isAway: true, remedy: 'check the shards' }, // ALL_CONNECTION_TRIES_FAILED
  425: { remedy: "check the server's log" }, // SYSTEM_ERROR
  439: { isAway: true, remedy: 'the server has no free thread: check its load' }, // CANNOT_SCHEDULE_TASK
  745: { isAway: true, remedy: 'check the load of the server' }, // SERVER_OVERLOADED
};

const CREDENTIALS =
  'check CLICKHOUSE_USERNAME and CLICKHOUSE_PASSWORD (commands find those of the local services under DATA_DIR)';
const READER = 'check CLICKHOUSE_READER_USERNAME and CLICKHOUSE_READER_PASSWORD';

/** The remedies for errors that persist until an administrator acts. */
const remedies: Readonly<Record<string, string>> = {
  81: 'run `npm run sink`, which creates the database, or correct CLICKHOUSE_DATABASE',
  192: CREDENTIALS,
  193: CREDENTIALS,
  194: CREDENTIALS,
  195: 'the user may not connect from this address: check its HOST clause and CLICKHOUSE_USERNAME',
  164: 'the user has a read-only profile: give it one without readonly',
  252: 'raise max_partitions_per_insert_block for this user, or partition the table more coarsely',
  452: 'allow the user to change this setting',
  497: 'the user of CLICKHOUSE_USERNAME lacks a privilege: grant what docs/how-to/clickhouse-rights.md lists',
  516: CREDENTIALS,
};

/** The remedies that differ for the user of {@link asReader}. */
const readerRemedies: Readonly<Record<string, string>> = {
  192: READER,
  193: READER,
  194: READER,
  195: 'the user may not connect from this address: check its HOST clause and CLICKHOUSE_READER_USERNAME',
  497: 'the user of CLICKHOUSE_READER_USERNAME lacks a privilege: grant what docs/how-to/clickhouse-rights.md lists',
  516: READER,
};

/** Returns what to do about a server error; undefined for a code without a remedy. */
export function clickHouseRemedy(code: string): string | undefined {
  return passingErrors[code]?.remedy ?? remedies[code];
}

function passingError({ code, message }: ClickHouseError): PassingError | undefined {
  const passing = passingErrors[code];
  // A shortage of memory on the server is temporary. The memory limit of a query or user is not.
  if (code === '241' && /\(total\)|Total memory limit|server memory/i.test(message))
    return { isAway: true, ...passing, remedy: 'the server is short of memory' };
  // This code has two causes: too many parts in a table, which merges reduce, and too many
  // partitions in one block, which is permanent.
  return code === '252' && /single INSERT block/i.test(message) ? undefined : passing;
}

/** With `isReader`, errors name the settings of the reader instead of CLICKHOUSE_USERNAME. */
type ReaderSettings = ClickHouseSettings & { readonly isReader?: true };

/** Returns the settings for user queries, with the reader's credentials if they are set. */
export function asReader(settings: ClickHouseSettings): ReaderSettings {
  const { reader } = settings;
  return reader === undefined ? settings : { ...settings, credentials: reader, isReader: true };
}

export function isPassing(error: ClickHouseError): boolean {
  return passingError(error) !== undefined;
}

/** Returns whether the error may be temporary, but may also persist until an administrator acts. */
export function mayStay(error: unknown): boolean {
  if (error instanceof ClickHouseError) {
    const passing = passingError(error);
    return passing !== undefined && passing.isAway === undefined;
  }
  return error instanceof EtlError && mayStay(error.cause);
}

/**
 * Settings that our statements rely on, regardless of the user's profile. All are the server's
 * defaults, so a user who may not change settings can send them.
 */
const ownSettings: ServerSettings = {
  // Columns are nullable only where the DDL declares them so.
  data_type_default_nullable: 0,
  // An omitted row or a cached response would move the resume offset.
  final: 0,
  limit: '0',
  offset: '0',
  use_query_cache: 0,
  skip_unavailable_shards: 0,
  read_overflow_mode: 'throw',
  group_by_overflow_mode: 'throw',
  timeout_overflow_mode: 'throw',
  result_overflow_mode: 'throw',
  // Otherwise deleted rows count as present, hide lost rows and move the resume offset.
  apply_deleted_mask: 1,
  // Our queries assume these.
  aggregate_functions_null_for_empty: 0,
  prefer_column_name_to_alias: 0,
  transform_null_in: 0,
};

/**
 * Limits for statements that list columns with comments. The defaults of the first two are 256 KiB
 * and 50,000 elements.
 */
export const longStatement = {
  max_query_size: '200000000',
  max_ast_elements: '20000000',
  max_expanded_ast_elements: '20000000',
} as const;

export const definition = {
  ...longStatement,
  // Before 25.3, a Variant requires this permission.
  allow_experimental_variant_type: 1,
  allow_suspicious_variant_types: 1,
  allow_suspicious_low_cardinality_types: 1,
  flatten_nested: 0,
} as const;

/**
 * A refusal by a proxy or another program. The message contains the status and an excerpt of
 * the body.
 */
class StatusError extends Error {
  readonly status: number;

  constructor({ status, headers, body }: RefusedAnswer) {
    super(`${status} (${bodyExcerpt(headers['content-type'], body)})`);
    this.status = status;
  }
}

const EXCEPTION_CODE = 'x-clickhouse-exception-code';

function isRefused({ statusCode = 0, headers }: IncomingMessage): boolean {
  return statusCode < 200 || statusCode > 299 || headers[EXCEPTION_CODE] !== undefined;
}

/**
 * Returns the server's own error, from its text or, if the text is truncated, from its code.
 * Returns a {@link StatusError} for a response that contains neither.
 */
function refusalOf(answer: RefusedAnswer): Error {
  const isHtml = /html/i.test(answer.headers['content-type'] ?? '');
  const parsed = isHtml ? undefined : parseError(answer.body);
  if (parsed instanceof ClickHouseError) return parsed;
  const code = answer.headers[EXCEPTION_CODE] ?? /^Code: (\d+)\./.exec(answer.body)?.[1];
  return typeof code === 'string' && /^\d{1,5}$/.test(code)
    ? new ClickHouseError({ code, message: answer.body })
    : new StatusError(answer);
}

/**
 * Returns a client, which the caller closes. It has no default database, because the sink creates
 * the database: name tables with {@link qualified}.
 * @param pinned settings of every statement; empty for statements that are not ours.
 * @param options.isStreamed the caller reads responses as they arrive, so they may have any size.
 */
export function createClickHouse(
  settings: ClickHouseSettings,
  pinned: ServerSettings = ownSettings,
  { isStreamed = false }: { readonly isStreamed?: boolean } = {},
): ClickHouseClient {
  const { credentials } = settings;
  return createClient({
    url: settings.url,
    ...(credentials && { username: credentials.username, password: credentials.password.reveal() }),
    application: 'chartmogul-clickhouse',
    request_timeout: ANSWER_TIMEOUT_MS,
    max_open_connections: MAX_CONNECTIONS,
    http_agent: withRefusals(
      createBoundedAgent(settings, MAX_CONNECTIONS, () => !isStreamed),
      isRefused,
      refusalOf,
    ),
    clickhouse_settings: pinned,
    // The client would log errors with the query.
    log: { level: ClickHouseLogLevel.OFF },
  });
}

/** Returns the server's version. @throws ServiceUnavailableError, ServiceRefusedError */
export async function probeClickHouse(
  client: ClickHouseClient,
  settings: ClickHouseSettings,
  signal: AbortSignal,
): Promise<string> {
  return retry({ service: 'clickhouse' }, probeRetry, signal, async () => {
    try {
      const version = await withDeadline(signal, FIRST_ANSWER_MS, async (soon) => {
        const query = 'SELECT version()';
        const result = await client.query({ query, format: 'TabSeparated', abort_signal: soon });
        return (await result.text()).trim();
      });
      // A proxy or another server may return 200 with any body.
      if (!/^\d+(\.\d+)+[\w.-]{0,40}$/.test(version))
        throw new SyntaxError(`no version (${bodyExcerpt(undefined, version)})`);
      return version;
    } catch (error) {
      throw clickHouseError(error, settings);
    }
  });
}

/** @throws what the client throws: see {@link clickHouseError} */
export async function askRows<T>(
  client: ClickHouseClient,
  query: string,
  signal: AbortSignal,
  settings: ServerSettings = {},
): Promise<T[]> {
  const options = { format: 'JSONEachRow', abort_signal: signal, clickhouse_settings: settings } as const;
  return (await client.query({ query, ...options })).json<T>();
}

/** Translates a failure of the client. `doing` names the table or query, never values. */
export function clickHouseError(error: unknown, settings: ReaderSettings, doing = ''): EtlError {
  if (error instanceof EtlError) return error;
  const isReader = settings.isReader === true;
  const prefix = doing === '' ? '' : `${doing}: `;
  const at = `${settings.url} (CLICKHOUSE_URL)`;
  // These come from reading the response, not from the server.
  const unreadable = [TypeError, SyntaxError, RangeError, TooLargeError];
  if (unreadable.some((type) => error instanceof type)) {
    const message = `${prefix}ClickHouse at ${at} returned an unexpected response: ${messageOf(error)}`;
    return new ServiceRefusedError(message, { cause: error });
  }
  if (error instanceof StatusError) {
    const answered = `${prefix}ClickHouse at ${at}, or a proxy in front of it, returned ${error.message}`;
    const remedy = credentialsRemedy(error.status, isReader ? 'CLICKHOUSE_READER' : 'CLICKHOUSE');
    if (remedy !== undefined) return new ServiceRefusedError(`${answered}: ${remedy}`, { cause: error });
    const hint = 'check that it is the HTTP interface of ClickHouse and that the server is healthy';
    return new ServiceUnavailableError(`${answered}: ${hint}`, { service: 'ClickHouse', cause: error });
  }
  const fault = httpsFault(error, 'CLICKHOUSE');
  if (fault !== undefined) {
    const message = `${prefix}ClickHouse at ${at} ${fault.what}; ${fault.remedy}`;
    return new ServiceRefusedError(message, { cause: error });
  }
  if (!(error instanceof ClickHouseError)) return notAnswering('ClickHouse', at, error, { prefix });
  const passing = passingError(error);
  const lasting = (isReader ? readerRemedies[error.code] : undefined) ?? remedies[error.code];
  const remedy = passing?.remedy ?? lasting;
  const returned = `${prefix}ClickHouse at ${at} returned code ${error.code} (${error.type ?? 'no name'}): ${foreignText(error.message)}`;
  const message = remedy === undefined ? returned : `${returned.replace(/\.$/, '')}${REMEDY}${remedy}`;
  return passing === undefined
    ? new ServiceRefusedError(message, { cause: error })
    : new ServiceUnavailableError(message, { service: 'ClickHouse', cause: error });
}

export function isClickHouseCode(error: unknown, code: string): boolean {
  if (error instanceof ClickHouseError) return error.code === code;
  return error instanceof EtlError && isClickHouseCode(error.cause, code);
}

export function quoted(name: string): string {
  return `\`${name.replace(/[\\`]/g, '\\$&')}\``;
}

export function literal(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}

export function qualified(database: string, table: string): string {
  return `${quoted(database)}.${quoted(table)}`;
}
