import { Transform, type Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { askRows, clickHouseError, isClickHouseCode, literal, type ClickHouseClient } from './client.ts';
import type { ClickHouseSettings } from '../settings/config.ts';
import { withDeadline } from '../deadline.ts';
import { ServiceRefusedError } from '../errors.ts';
import { FIRST_ANSWER_MS } from '../retry.ts';
import { several } from '../terminal/amounts.ts';
import { whyNotReadOnly, parseStatementTree } from './statement-tree.ts';

/**
 * The limits of a query. Lower limits in the user's profile still apply. For a user with
 * readonly=1, only `bytes` and `seconds` are enforced, by the client.
 */
export interface QueryLimits {
  readonly rows: number;
  /** Limits the response before and after it is formatted. */
  readonly bytes: number;
  readonly memoryBytes: number;
  readonly seconds: number;
}

export const standardLimits: QueryLimits = {
  rows: 5_000_000,
  bytes: 2 ** 30,
  memoryBytes: 4 * 2 ** 30,
  seconds: 60,
};

/** The extra time in which the server can report that the query exceeded its time limit. */
const GRACE_MS = 10_000;

export interface ReadOnlyQuery {
  readonly sql: string;
  /** The output format, unless the SQL has a FORMAT clause. */
  readonly format: string;
  readonly signal: AbortSignal;
  readonly limits?: QueryLimits;
  /**
   * The maximum number of rows from each SELECT of a UNION. Further rows are dropped without an
   * error. Ignored for a user with readonly=1.
   */
  readonly maxRows?: number;
  /** The id under which `system.processes` lists the query. */
  readonly id?: string;
  /** Format settings, which are not sent for a user with readonly=1. */
  readonly formatSettings?: Readonly<Record<string, string>>;
}

export interface ReadOnlyAnswer {
  readonly stream: Readable;
  /** The format that the server chose; undefined if it does not report one. */
  readonly format: string | undefined;
  /** These counts are undefined if the server does not report them. */
  readonly rowsRead: number | undefined;
  readonly bytesRead: number | undefined;
  readonly resultRows: number | undefined;
}

/**
 * Runs a query that only reads the database, and returns the response in the server's format. The
 * server's own parser checks the query; then the server runs it with readonly=1. When the signal
 * aborts or the process ends, the server ends the query, unless the user has readonly=1 and a
 * profile without `cancel_http_readonly_queries_on_client_close`.
 * @throws ServiceRefusedError if the query does more than read, reaches outside the database,
 *   exceeds a limit or is refused; ServiceUnavailableError; the signal's reason.
 */
export async function readOnlyQuery(
  client: ClickHouseClient,
  settings: ClickHouseSettings,
  query: ReadOnlyQuery,
): Promise<ReadOnlyAnswer> {
  const { sql, format, signal, limits = standardLimits, id } = query;
  const deadline = AbortSignal.timeout(limits.seconds * 1000 + GRACE_MS);
  const either = AbortSignal.any([signal, deadline]);
  try {
    const profile = await withDeadline(either, FIRST_ANSWER_MS, (soon) => ask(client, sql, soon));
    await requireReadOnly(client, sql, profile, either);
    const { stream, summary, response_headers } = await client.exec({
      query: sql,
      abort_signal: either,
      ...(id !== undefined && { query_id: id }),
      clickhouse_settings: {
        ...settingsFor(profile, query),
        default_format: format,
        database: settings.database,
        // Otherwise an error after the first rows would appear among the rows.
        wait_end_of_query: '1',
      } as Record<string, string>,
    });
    const chosen = response_headers['x-clickhouse-format'];
    return {
      stream: capped(stream, limits),
      format: typeof chosen === 'string' ? chosen : undefined,
      rowsRead: countIn(summary?.read_rows),
      bytesRead: countIn(summary?.read_bytes),
      resultRows: countIn(summary?.result_rows),
    };
  } catch (error) {
    signal.throwIfAborted();
    throw meaningOf(error, settings, limits, deadline);
  }
}

/** Some versions of the server, and the local service, omit counts. */
function countIn(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

type Profile = Readonly<Record<'canonical' | 'readonly' | (typeof limitSettings)[number], string>>;

const limitSettings = [
  'max_result_rows',
  'max_result_bytes',
  'max_memory_usage',
  'max_execution_time',
] as const;

/** @throws ClickHouseError unless the text is exactly one statement. */
async function ask(client: ClickHouseClient, sql: string, signal: AbortSignal): Promise<Profile> {
  const columns = ['readonly', ...limitSettings].map((name) => `toString(getSetting('${name}')) AS ${name}`);
  const query = `SELECT formatQuerySingleLine(${literal(sql)}) AS canonical, ${columns.join(', ')}`;
  const [row] = await askRows<Profile>(client, query, signal);
  if (row === undefined) throw new ServiceRefusedError('ClickHouse returned no row for the query check');
  return row;
}

async function requireReadOnly(
  client: ClickHouseClient,
  sql: string,
  { readonly, canonical }: Profile,
  signal: AbortSignal,
): Promise<void> {
  // EXPLAIN treats a FORMAT clause in the SQL as part of the explained statement.
  const settings: Record<string, string> = {
    default_format: 'TSVRaw',
    ...(readonly === '0' && { readonly: '1' }),
  };
  const answer = await client
    .exec({ query: `EXPLAIN AST ${sql}`, abort_signal: signal, clickhouse_settings: settings })
    .catch((error: unknown) => {
      // `ask` has parsed the text, so the fault is in SETTINGS: a setting cannot be
      // changed, or the clause follows FORMAT.
      if (isClickHouseCode(error, '164') || isClickHouseCode(error, '62')) return undefined;
      throw error;
    });
  const reason =
    answer === undefined
      ? 'only SELECT, WITH, SHOW, DESCRIBE, EXPLAIN and EXISTS are allowed, without SETTINGS'
      : whyNotReadOnly(parseStatementTree(await text(answer.stream)), canonical);
  if (reason !== undefined)
    throw new ServiceRefusedError(`only queries that read are allowed (READONLY): ${reason}`);
}

/**
 * The server checks settings of a request against the user's profile, not against each other, so
 * readonly=1 may accompany limits. A user with readonly=1 cannot send settings; one with readonly=2
 * can send every setting but readonly. A SETTINGS clause cannot lift the limits, because the check
 * rejects it.
 */
function settingsFor(
  profile: Profile,
  { limits = standardLimits, maxRows, formatSettings }: ReadOnlyQuery,
): Record<string, string> {
  if (profile.readonly === '1') return {};
  const wanted = {
    max_result_rows: limits.rows,
    max_result_bytes: limits.bytes,
    max_memory_usage: limits.memoryBytes,
    max_execution_time: limits.seconds,
  };
  const lower = limitSettings.map((name): [string, string] => {
    const current = Number(profile[name]);
    return [name, String(current > 0 ? Math.min(current, wanted[name]) : wanted[name])];
  });
  return {
    ...Object.fromEntries(lower),
    result_overflow_mode: 'throw',
    timeout_overflow_mode: 'throw',
    cancel_http_readonly_queries_on_client_close: '1',
    ...(maxRows !== undefined && { limit: String(maxRows) }),
    ...formatSettings,
    ...(profile.readonly === '0' && { readonly: '1' }),
  };
}

/** Limits the formatted response, which may be many times as large as the rows. */
function capped(answer: Readable, limits: QueryLimits): Readable {
  let bytes = 0;
  const cap = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > limits.bytes) done(exceeded(`${limits.bytes} bytes`));
      else done(null, chunk);
    },
  });
  // The reader of `cap` sees the failure.
  pipeline(answer, cap).catch(() => undefined);
  return cap;
}

function meaningOf(
  error: unknown,
  settings: ClickHouseSettings,
  limits: QueryLimits,
  deadline: AbortSignal,
): Error {
  const said = error instanceof Error ? error.message : '';
  if (isClickHouseCode(error, '396'))
    return exceeded(/rows/.test(said) ? `${limits.rows} rows` : `${limits.bytes} bytes`, error);
  if (isClickHouseCode(error, '241') && /query/i.test(said) && !/total/i.test(said))
    return exceeded(`${limits.memoryBytes} bytes of memory`, error);
  if (isClickHouseCode(error, '159') || deadline.aborted)
    return exceeded(several(limits.seconds, 'second'), error);
  return clickHouseError(error, settings);
}

function exceeded(limit: string, cause?: unknown): ServiceRefusedError {
  return new ServiceRefusedError(
    `the query exceeds a limit of read-only queries (${limit}, or a lower limit in the user's profile): aggregate, filter or add a LIMIT`,
    { cause },
  );
}
