import { isSystemColumnName } from '../../core/avro/schema.ts';
import { literal } from '../../core/clickhouse/client.ts';
import type { Database } from '../../core/clickhouse/database.ts';
import { IncompatibleSchemaError } from '../../core/errors.ts';
import type { Column } from '../column/column-type.ts';
import { parseColumnType } from '../column/parse-column-type.ts';
import { outlineOf } from './sql-outline.ts';
import { identityIn, shapeVersionIn } from './table-ddl.ts';

export interface TableColumn extends Column {
  /** Its type as the server prints it; the header of inserted rows must repeat it. */
  readonly typeText: string;
}

export interface TableShape {
  /** Raised by every change: see `alterTableSql`, and `raiseVersion` of a storage table. */
  readonly version: number;
  /** Named by inserts, so that they never reach another table: see `identitySql`. */
  readonly identity: string | undefined;
  /** The columns that the sink can fill, including system columns. */
  readonly columns: readonly TableColumn[];
  /**
   * Type and kind of the columns that the sink cannot fill, by name: computed columns, and columns
   * of unsupported types.
   */
  readonly unusable: ReadonlyMap<string, string>;
  readonly sortingKey: readonly string[];
  /** Whether its engine keeps the latest version of a row and removes deleted rows. */
  readonly keepsLatest: boolean;
}

/**
 * Returns the shape of a table; undefined if there is none. Reads its version before its columns:
 * if another sink changes the columns in between, a change based on this read fails.
 * @throws IncompatibleSchemaError if a view has this name.
 */
export async function readTableShape(database: Database, table: string): Promise<TableShape | undefined> {
  const doing = `columns of ${table}`;
  const where = `database = ${literal(database.name)}`;
  const [created] = await database.rows<
    Readonly<Record<'engine' | 'create_table_query' | 'engine_full' | 'sorting_key', string>>
  >(
    doing,
    `SELECT engine, create_table_query, engine_full, sorting_key FROM system.tables WHERE ${where} AND name = ${literal(table)}`,
  );
  if (created === undefined) return undefined;
  if (/View$/.test(created.engine))
    throw new IncompatibleSchemaError(
      `${database.name}.${table} is a view (${created.engine}) with the name of a storage table: rename the view or the stream`,
    );
  const columns = await database.rows<ServerColumn>(
    doing,
    `SELECT name, type, default_kind FROM system.columns WHERE ${where} AND table = ${literal(table)} ORDER BY position`,
  );
  const usable = columns.flatMap(tableColumn);
  return {
    version: shapeVersionIn(created.create_table_query),
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

export function withoutSystemColumns<T extends Column>(columns: readonly T[]): T[] {
  return columns.filter(({ name }) => !isSystemColumnName(name));
}

/** Parses a sorting key, which servers print as `(date, \`interval\`)` or `uuid`. */
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

/** Returns the identity of a table; undefined if the table has none or does not exist. */
export async function readTableIdentity(database: Database, table: string): Promise<string | undefined> {
  const where = `database = ${literal(database.name)} AND table = ${literal(table)} AND default_kind = 'EPHEMERAL'`;
  const query = `SELECT name, type, default_kind FROM system.columns WHERE ${where}`;
  return identityOf(await database.rows<ServerColumn>(`columns of ${table}`, query));
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
