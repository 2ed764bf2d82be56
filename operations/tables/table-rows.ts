import type { QueryLimits } from '../../core/clickhouse/read-only-query.ts';
import { qualified, quoted } from '../../core/clickhouse/client.ts';
import { ConfigError, ServiceRefusedError } from '../../core/errors.ts';
import type { QueryResult, ReadOnlyQueries } from '../query/read-only-queries.ts';
import { findTable } from './table-schema.ts';

export const MAX_PREVIEW_ROWS = 1_000;

/** Within these limits, the server can read the newest rows of a large table. */
const previewLimits: QueryLimits = {
  rows: MAX_PREVIEW_ROWS + 1,
  bytes: 16 * 1024 * 1024,
  memoryBytes: 2 * 2 ** 30,
  seconds: 20,
};

export interface TablePreview extends QueryResult {
  /** The column whose newest values come first; undefined if the table has no time of change. */
  readonly newestBy: string | undefined;
}

/** Columns with the time of the Kafka message behind a row: in views, and in storage tables. */
const changeTimes = ['_changed_at', '_timestamp'];

/**
 * Returns the newest rows of a table or view, or any rows if it has no time of change. Every value
 * is exact text, or null for NULL.
 * @throws ConfigError for an unknown table or an invalid limit; errors of ClickHouse.
 */
export async function previewTable(
  queries: ReadOnlyQueries,
  database: string,
  table: string,
  { limit = 50, signal }: { readonly limit?: number; readonly signal: AbortSignal },
): Promise<TablePreview> {
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PREVIEW_ROWS)
    throw new ConfigError(`the limit must be an integer from 1 to ${MAX_PREVIEW_ROWS}; got ${limit}`);
  const { columns } = await findTable(queries, table, signal);
  const newestBy = changeTimes.find((time) => columns.some(({ name }) => name === time));
  const order = newestBy === undefined ? '' : ` ORDER BY ${quoted(newestBy)} DESC`;
  const sql = `SELECT * FROM ${qualified(database, table)}${order} LIMIT ${limit}`;
  const result = await queries.rows(sql, { signal, limits: previewLimits, maxRows: limit });
  return { ...result, newestBy };
}

/**
 * Returns the exact number of rows.
 * @throws ConfigError for an unknown table; errors of ClickHouse.
 */
export async function countRows(
  queries: ReadOnlyQueries,
  database: string,
  table: string,
  signal: AbortSignal,
): Promise<bigint> {
  await findTable(queries, table, signal);
  const sql = `SELECT count() AS rows FROM ${qualified(database, table)}`;
  const { rows } = await queries.rows(sql, { signal, limits: previewLimits });
  const [[count] = []] = rows;
  if (typeof count !== 'string') throw new ServiceRefusedError(`ClickHouse returned no count for ${table}`);
  return BigInt(count);
}
