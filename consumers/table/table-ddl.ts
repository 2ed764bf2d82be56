import { literal, qualified, quoted } from '../../core/clickhouse/client.ts';
import type { ClickHouseSettings } from '../../core/settings/config.ts';
import type { WriterSchema } from '../schema/writer-type.ts';
import { columnSql, fieldColumns, sortingKey, systemColumns } from './stored-columns.ts';
import { outlineOf } from './sql-outline.ts';

/** Without a window ClickHouse ignores deduplication tokens in silence. */
const DEDUPLICATION_WINDOW = 1000;
const REPLICATED_WINDOW_SECONDS = 7 * 86_400;

/** A part of one insert is a single file: a fifth less work for the server. Larger ones, which merges make, are a file for each column. */
const WIDE_PART_BYTES = 128 * 1024 * 1024;

type Target = Pick<ClickHouseSettings, 'database' | 'cluster'>;

/** ` ON CLUSTER …` where tables are made on a cluster. */
export function onCluster({ cluster }: Target): string {
  return cluster === undefined ? '' : ` ON CLUSTER ${quoted(cluster)}`;
}

/** The table that holds the rows of a storage table: itself, or on a cluster each shard's part of it. */
export function localTableOf(table: string, { cluster }: Target): string {
  return cluster === undefined ? table : `${table}_local`;
}

/** The column that tells a table from any other that has had its name: see {@link identitySql}. */
export function identityColumnOf(identity: string): string {
  return `${IDENTITY_PREFIX}${identity}`;
}

/** The identity that a column of this name and default kind gives its table; undefined for any other column. */
export function identityIn(name: string, defaultKind: string): string | undefined {
  return defaultKind === 'EPHEMERAL' && name.startsWith(IDENTITY_PREFIX)
    ? name.slice(IDENTITY_PREFIX.length)
    : undefined;
}

const IDENTITY_PREFIX = '_table_';

/**
 * A column that holds nothing, which every insert names: so rows that were made for a table which another has replaced under its name are
 * refused, and do not stand twice in the new one.
 */
export function identitySql(identity: string): string {
  return `${quoted(identityColumnOf(identity))} UInt8 EPHEMERAL COMMENT 'Inserts of the sink name it, so that none goes into a table that took the place of the one it was made for'`;
}

/**
 * The statements that create a stream's storage table. On a cluster the rows lie in replicated tables behind a Distributed one, and
 * a partition's rows all in one shard: so each insert is one block in each shard, and the highest offset tells what is there.
 *
 * @param identity hexadecimal, which no other table has had.
 */
export function createTableSql(
  table: string,
  schema: WriterSchema,
  identity: string,
  target: Target,
): string[] {
  const { cluster, database } = target;
  const columns = [...fieldColumns(schema), ...systemColumns].map(columnSql);
  const comment = `COMMENT ${literal(schema.doc ?? '')}`;
  const [engine, windows] =
    cluster === undefined
      ? ['ReplacingMergeTree', `non_replicated_deduplication_window = ${DEDUPLICATION_WINDOW}`]
      : [
          'ReplicatedReplacingMergeTree',
          `replicated_deduplication_window = ${DEDUPLICATION_WINDOW}, replicated_deduplication_window_seconds = ${REPLICATED_WINDOW_SECONDS}`,
        ];
  const local = qualified(database, localTableOf(table, target));
  const statements = [
    `CREATE TABLE IF NOT EXISTS ${local}${onCluster(target)} (\n` +
      `  ${[...columns, identitySql(identity), shapeConstraint(firstShape(identity))].join(',\n  ')}\n)\n` +
      `ENGINE = ${engine}(_version, _deleted)\n` +
      `ORDER BY (${sortingKey(schema).map(quoted).join(', ')})\n` +
      `SETTINGS ${windows}, min_bytes_for_wide_part = ${WIDE_PART_BYTES}\n${comment}`,
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
 * The statements of one change of shape, as a compare and set: the first fails when the table is not at `shape` any more, so two
 * sinks that read the same columns cannot both change them, and none undoes what the other did, nor changes a table that has taken the
 * place of the one that it read.
 *
 * @param shape that was read before the columns were; 0 for a table that has none yet.
 */
export function alterTableSql(
  table: string,
  actions: readonly string[],
  shape: number,
  target: Target,
): string[] {
  const next = [
    ...(shape === 0 ? [] : [`DROP CONSTRAINT ${quoted(`shape_${shape}`)}`]),
    `ADD ${shapeConstraint(shape + 1)}`,
  ];
  const alter = (name: string, all: readonly string[]) =>
    `ALTER TABLE ${qualified(target.database, name)}${onCluster(target)} ${all.join(', ')}`;
  return [
    alter(localTableOf(table, target), [...next, ...actions]),
    ...(target.cluster === undefined ? [] : [alter(table, actions)]),
  ];
}

/** The number of a table's shape, which every change of it raises; 0 if it has none. */
export function shapeOf(createTableQuery: string): number {
  return Number(/[(,]\s*CONSTRAINT `?shape_(\d+)`? ASSUME\b/.exec(outlineOf(createTableQuery))?.[1] ?? 0);
}

/** Of a table's own, so that no change that was meant for another meets one of its shapes. */
function firstShape(identity: string): number {
  return Number.parseInt(identity, 16);
}

/** An assumption that says nothing: its name is what counts. It is not checked when rows are inserted. */
function shapeConstraint(shape: number): string {
  return `CONSTRAINT ${quoted(`shape_${shape}`)} ASSUME 1`;
}
