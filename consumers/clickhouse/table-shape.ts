import { isSystemColumnName } from '../../core/avro/schema.ts';
import { literal, type ClickHouseClient } from '../../core/clickhouse.ts';
import { storageTableOf } from '../../core/stream-name.ts';
import type { Column } from './column-type.ts';
import { parseColumnType } from './parse-column-type.ts';
import { shapeOf } from './table-ddl.ts';

/** A column as the server has it. */
export interface TableColumn extends Column {
  /** Its type in the server's own words, which it wants to see again in front of the rows. */
  readonly typeText: string;
}

/** What a table looks like. */
export interface TableShape {
  /** Raised by every change: see `alterTableSql`. */
  readonly version: number;
  /** The stream's own columns and the system columns, without those that are computed, or of a type unknown to the sink. */
  readonly columns: readonly TableColumn[];
}

/**
 * The shape of a table; undefined if there is none. Its version is read first: whoever changes the columns in between makes a change
 * that is based on this reading fail.
 */
export async function readTableShape(
  client: ClickHouseClient,
  database: string,
  table: string,
  signal: AbortSignal,
): Promise<TableShape | undefined> {
  const where = `database = ${literal(database)}`;
  const ask = async <T>(query: string) =>
    (await client.query({ query, format: 'JSONEachRow', abort_signal: signal })).json<T>();
  const [created] = await ask<{ create_table_query: string }>(
    `SELECT create_table_query FROM system.tables WHERE ${where} AND name = ${literal(table)}`,
  );
  if (created === undefined) return undefined;
  const columns = await ask<{ name: string; type: string }>(
    `SELECT name, type FROM system.columns WHERE ${where} AND table = ${literal(table)} AND default_kind = '' ORDER BY position`,
  );
  return { version: shapeOf(created.create_table_query), columns: columns.flatMap(tableColumn) };
}

/** By stream, the columns of the storage tables that exist; without system columns. */
export async function readStreamColumns(
  client: ClickHouseClient,
  database: string,
  streams: readonly string[],
  signal: AbortSignal,
): Promise<Map<string, readonly Column[]>> {
  const found = new Map<string, readonly Column[]>();
  for (const stream of streams) {
    const shape = await readTableShape(client, database, storageTableOf(stream), signal);
    if (shape !== undefined) found.set(stream, withoutSystemColumns(shape.columns));
  }
  return found;
}

export function withoutSystemColumns<T extends Column>(columns: readonly T[]): T[] {
  return columns.filter(({ name }) => !isSystemColumnName(name));
}

function tableColumn({ name, type: typeText }: { name: string; type: string }): TableColumn[] {
  const type = parseColumnType(typeText);
  return type === undefined ? [] : [{ name, type, typeText }];
}
