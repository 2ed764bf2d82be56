import { definition, literal, qualified, quoted } from '../../core/clickhouse/client.ts';
import type { Database } from '../../core/clickhouse/database.ts';
import type { ClickHouseSettings } from '../../core/settings/config.ts';
import type { WriterSchema } from '../schema/writer-type.ts';
import {
  columnSql,
  fieldColumns,
  sortingKey,
  systemColumns,
  type CommentedColumn,
} from './stored-columns.ts';
import { outlineOf } from './sql-outline.ts';

/**
 * Without a window, ClickHouse silently ignores deduplication tokens. The last two settings apply
 * to replicated tables, and to every table in ClickHouse Cloud, whatever engine the statement
 * names. Since 25.10, servers remember tokens for only an hour by default.
 */
const deduplicationWindows = [
  'non_replicated_deduplication_window = 1000',
  'replicated_deduplication_window = 1000',
  `replicated_deduplication_window_seconds = ${7 * 86_400}`,
].join(', ');

/**
 * Below this size, an insert becomes one file instead of one per column, which saves a fifth of the
 * server's work.
 */
const WIDE_PART_BYTES = 128 * 1024 * 1024;

type Target = Pick<ClickHouseSettings, 'database' | 'cluster'>;

export function onCluster({ cluster }: Target): string {
  return cluster === undefined ? '' : ` ON CLUSTER ${quoted(cluster)}`;
}

/** Returns the table that holds the rows: the storage table, or a shard's table on a cluster. */
export function localTableOf(table: string, { cluster }: Target): string {
  return cluster === undefined ? table : `${table}_local`;
}

/** Returns the column that distinguishes tables of the same name: see {@link identitySql}. */
export function identityColumnOf(identity: string): string {
  return `${IDENTITY_PREFIX}${identity}`;
}

/** Returns the identity in the name of an identity column; undefined for any other column. */
export function identityIn(name: string, defaultKind: string): string | undefined {
  return defaultKind === 'EPHEMERAL' && name.startsWith(IDENTITY_PREFIX)
    ? name.slice(IDENTITY_PREFIX.length)
    : undefined;
}

const IDENTITY_PREFIX = '_table_';

/**
 * Defines the column that every insert names, so that a table rejects rows built for a table that
 * it replaced.
 */
export function identitySql(identity: string): string {
  return `${quoted(identityColumnOf(identity))} UInt8 EPHEMERAL COMMENT 'Every insert names this column, so that the table rejects inserts that were built for another table'`;
}

/** The definition of a new table. */
export interface TableDefinition {
  readonly table: string;
  readonly columns: readonly CommentedColumn[];
  readonly sortingKey: readonly string[];
  /**
   * Whether the table keeps the latest row of each key, or every row with a distinct sorting key.
   */
  readonly keeps: 'latest' | 'every';
  readonly comment: string;
}

/** Returns the statements that create a stream's storage table: see {@link definitionSql}. */
export function createTableSql(
  table: string,
  schema: WriterSchema,
  identity: string,
  target: Target,
): string[] {
  const columns = [...fieldColumns(schema), ...systemColumns];
  const comment = schema.doc ?? '';
  const definition: TableDefinition = {
    table,
    columns,
    sortingKey: sortingKey(schema),
    keeps: 'latest',
    comment,
  };
  return definitionSql(definition, identity, target);
}

/**
 * Returns the statements that create a table. On a cluster, replicated tables behind a Distributed
 * table hold the rows. One shard holds all rows of a partition, so each insert is one block per
 * shard, and the highest offset of a partition shows which messages the table has.
 * @param identity a hexadecimal number that no other table has had.
 */
export function definitionSql(definition: TableDefinition, identity: string, target: Target): string[] {
  const { cluster, database } = target;
  const { table, sortingKey: key, keeps } = definition;
  const columns = definition.columns.map(columnSql);
  const comment = `COMMENT ${literal(definition.comment)}`;
  const engine = cluster === undefined ? 'ReplacingMergeTree' : 'ReplicatedReplacingMergeTree';
  const local = qualified(database, localTableOf(table, target));
  // The first version differs between tables, so that a change to one never applies to another.
  const firstShape = shapeConstraint(Number.parseInt(identity, 16));
  const statements = [
    `CREATE TABLE IF NOT EXISTS ${local}${onCluster(target)} (\n` +
      `  ${[...columns, identitySql(identity), firstShape].join(',\n  ')}\n)\n` +
      `ENGINE = ${engine}${keeps === 'latest' ? '(_version, _deleted)' : ''}\n` +
      `ORDER BY (${key.map(quoted).join(', ')})\n` +
      `SETTINGS ${deduplicationWindows}, min_bytes_for_wide_part = ${WIDE_PART_BYTES}\n${comment}`,
  ];
  if (cluster === undefined) return statements;
  const distributed = [cluster, database, localTableOf(table, target)].map(literal).join(', ');
  return [
    ...statements,
    `CREATE TABLE IF NOT EXISTS ${qualified(database, table)}${onCluster(target)} AS ${local}\n` +
      `ENGINE = Distributed(${distributed}, _partition)\n${comment}`,
  ];
}

/**
 * Returns the statements of one change of shape, as a compare-and-set: the first fails if the table
 * is no longer at `version`. So only one of two sinks changes the columns that both have read, and
 * neither changes a table that has replaced the one that it read.
 * @param version read before the columns; 0 for a table that has no version yet.
 */
export function alterTableSql(
  table: string,
  actions: readonly string[],
  version: number,
  target: Target,
): string[] {
  const next = [
    ...(version === 0 ? [] : [`DROP CONSTRAINT ${quoted(`shape_${version}`)}`]),
    `ADD ${shapeConstraint(version + 1)}`,
  ];
  const alter = (name: string, all: readonly string[]) =>
    `ALTER TABLE ${qualified(target.database, name)}${onCluster(target)} ${all.join(', ')}`;
  return [
    alter(localTableOf(table, target), [...next, ...actions]),
    ...(target.cluster === undefined || actions.length === 0 ? [] : [alter(table, actions)]),
  ];
}

/** Returns the version of a table's shape, which every change raises; 0 if it has none. */
export function shapeVersionIn(createTableQuery: string): number {
  return Number(/[(,]\s*CONSTRAINT `?shape_(\d+)`? ASSUME\b/.exec(outlineOf(createTableQuery))?.[1] ?? 0);
}

/** Returns an ASSUME constraint whose name contains the version. Inserts do not check it. */
function shapeConstraint(version: number): string {
  return `CONSTRAINT ${quoted(`shape_${version}`)} ASSUME 1`;
}

/** Runs a DDL statement. A stop does not abort it, because other statements may have to follow. */
export async function runDefinition(database: Database, doing: string, query: string): Promise<void> {
  await database.retried(doing, () => database.client.command({ query, clickhouse_settings: definition }));
}
