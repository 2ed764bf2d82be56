import { isSystemColumnName } from '../../core/avro/schema.ts';
import { mostSimilar } from '../../core/settings/choice.ts';
import type { ReadOnlyQueries } from '../query/read-only-queries.ts';
import type { ColumnDescription, TableDescription } from '../query/table-list.ts';
import { ConfigError } from '../../core/errors.ts';
import { schemaFields } from '../schemas/schema-fields.ts';
import type { StoredSchema } from '../schemas/schema-versions.ts';

/** The field of a schema that fills a column. */
export interface ColumnOrigin {
  /** The field's Avro type in words, in the latest version that has the field. */
  readonly type: string;
  /** The first and the latest version that have the field. */
  readonly since: number;
  readonly until: number;
  /** Whether the latest version has the field. */
  readonly isCurrent: boolean;
}

export interface DescribedColumn extends ColumnDescription {
  /** Null for a column that no field fills; undefined if the schemas are unknown. */
  readonly origin: ColumnOrigin | null | undefined;
  /** Whether the sink adds the column itself, such as `_version` or `_changed_at`. */
  readonly isSystem: boolean;
}

export interface TableSchema extends Omit<TableDescription, 'columns'> {
  readonly columns: readonly DescribedColumn[];
}

/**
 * Returns the columns of a table or view, each with the field that fills it.
 * @param versions of the stream's schema; undefined if they are unknown.
 * @throws ConfigError for an unknown table; errors of ClickHouse.
 */
export async function getTableSchema(
  queries: ReadOnlyQueries,
  table: string,
  versions: readonly StoredSchema[] | undefined,
  signal: AbortSignal,
): Promise<TableSchema> {
  return withOrigins(await findTable(queries, table, signal), versions);
}

/** Returns a table or view. @throws ConfigError for an unknown name; errors of ClickHouse. */
export async function findTable(
  queries: ReadOnlyQueries,
  table: string,
  signal: AbortSignal,
): Promise<TableDescription> {
  const tables = await queries.tables(signal);
  const found = tables.find(({ name }) => name === table);
  if (found !== undefined) return found;
  const names = tables.map(({ name }) => name);
  const nearest = mostSimilar(table, names);
  const guess = nearest === undefined ? '' : ` Did you mean ${nearest}?`;
  const remedy = names.length === 0 ? 'Run `npm run sink`' : `Tables and views: ${names.join(', ')}`;
  throw new ConfigError(`there is no table or view ${table.slice(0, 80)}.${guess} ${remedy}`);
}

/** Returns the table with the origin of each column. Columns have the names of top-level fields. */
export function withOrigins(
  { columns, ...table }: TableDescription,
  versions: readonly StoredSchema[] | undefined,
): TableSchema {
  const origins = versions && originsOf(versions);
  return {
    ...table,
    columns: columns.map((column) => ({
      ...column,
      origin: origins && (origins.get(column.name) ?? null),
      isSystem: isSystemColumnName(column.name) || column.name === '_changed_at',
    })),
  };
}

function originsOf(versions: readonly StoredSchema[]): ReadonlyMap<string, ColumnOrigin> {
  const origins = new Map<string, ColumnOrigin>();
  const last = versions.at(-1)?.version;
  for (const { version, schema } of versions) {
    for (const { path, type } of schemaFields(schema)) {
      if (/[.[{<]/.test(path)) continue;
      const since = origins.get(path)?.since ?? version;
      origins.set(path, { type, since, until: version, isCurrent: version === last });
    }
  }
  return origins;
}
