import { isSystemColumnName } from '../../core/avro/schema.ts';
import { askRows, literal, type ClickHouseClient } from '../../core/clickhouse/client.ts';
import { IncompatibleSchemaError } from '../../core/errors.ts';
import { storageTableOf } from '../../core/stream-name.ts';
import type { Column } from '../column/column-type.ts';
import { parseColumnType } from '../column/parse-column-type.ts';
import { outlineOf } from './sql-outline.ts';
import { identityIn, shapeOf } from './table-ddl.ts';

/** A column as the server has it. */
export interface TableColumn extends Column {
  /** Its type in the server's own words, which it wants to see again in front of the rows. */
  readonly typeText: string;
}

/** What a table looks like. */
export interface TableShape {
  /** Raised by every change: see `alterTableSql`. */
  readonly version: number;
  /** What inserts name, so that they reach no other table: see `identitySql`. */
  readonly identity: string | undefined;
  /** The stream's own columns and the system columns. */
  readonly columns: readonly TableColumn[];
  /** By name, what the columns are that nobody can insert into, or of which the sink does not know the type. */
  readonly unusable: ReadonlyMap<string, string>;
  readonly sortingKey: readonly string[];
  /** Whether its engine keeps the latest version of a row, and forgets deleted ones. */
  readonly keepsLatest: boolean;
}

/**
 * The shape of a table; undefined if there is none. Its version is read first: whoever changes the columns in between makes a change
 * that is based on this reading fail.
 *
 * @throws IncompatibleSchemaError where a view has the name.
 */
export async function readTableShape(
  client: ClickHouseClient,
  database: string,
  table: string,
  signal: AbortSignal,
): Promise<TableShape | undefined> {
  const where = `database = ${literal(database)}`;
  const [created] = await askRows<
    Readonly<Record<'engine' | 'create_table_query' | 'engine_full' | 'sorting_key', string>>
  >(
    client,
    `SELECT engine, create_table_query, engine_full, sorting_key FROM system.tables WHERE ${where} AND name = ${literal(table)}`,
    signal,
  );
  if (created === undefined) return undefined;
  if (/View$/.test(created.engine))
    throw new IncompatibleSchemaError(
      `${database}.${table} is a view (${created.engine}) where a table of the sink belongs, perhaps that of a stream of this name: rename the view or the stream`,
    );
  const columns = await askRows<ServerColumn>(
    client,
    `SELECT name, type, default_kind FROM system.columns WHERE ${where} AND table = ${literal(table)} ORDER BY position`,
    signal,
  );
  const usable = columns.flatMap(tableColumn);
  return {
    version: shapeOf(created.create_table_query),
    identity: identityOf(columns),
    columns: usable,
    unusable: new Map(
      columns
        .filter((column) => !usable.some(({ name }) => name === column.name) && !isIdentity(column))
        .map(({ name, type, default_kind: kind }) => [name, `${type}${kind === '' ? '' : ` ${kind}`}`]),
    ),
    sortingKey: keyNames(created.sorting_key),
    keepsLatest: /^\w*ReplacingMergeTree\((?:[^()]*, )?_version, _deleted\)/.test(
      outlineOf(created.engine_full),
    ),
  };
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

/** `(date, \`interval\`)`, `uuid` and so on: as the server prints it, which depends on its version and on who made the table. */
function keyNames(sortingKey: string): string[] {
  const names = sortingKey
    .replace(/^\((.*)\)$/, '$1')
    .replaceAll('`', '')
    .split(', ');
  return names.filter((name) => name !== '' && name !== 'tuple()');
}

interface ServerColumn {
  readonly name: string;
  readonly type: string;
  readonly default_kind: string;
}

/** The identity of a table; undefined if it has none, or is not there. */
export async function readTableIdentity(
  client: ClickHouseClient,
  database: string,
  table: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const where = `database = ${literal(database)} AND table = ${literal(table)} AND default_kind = 'EPHEMERAL'`;
  const query = `SELECT name, type, default_kind FROM system.columns WHERE ${where}`;
  return identityOf(await askRows<ServerColumn>(client, query, signal));
}

function identityOf(columns: readonly ServerColumn[]): string | undefined {
  const column = columns.find(isIdentity);
  return column && identityIn(column.name, column.default_kind);
}

function isIdentity({ name, default_kind: kind }: ServerColumn): boolean {
  return identityIn(name, kind) !== undefined;
}

function tableColumn({ name, type: typeText, default_kind: kind }: ServerColumn): TableColumn[] {
  const type = kind === '' || kind === 'DEFAULT' ? parseColumnType(typeText) : undefined;
  return type === undefined ? [] : [{ name, type, typeText }];
}
