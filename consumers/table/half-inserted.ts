import { literal, longStatement, qualified } from '../../core/clickhouse/client.ts';
import type { Database } from '../../core/clickhouse/database.ts';
import type { RowRange } from './insert-rows.ts';
import { outlineOf } from './sql-outline.ts';
import { localTableOf, onCluster } from './table-ddl.ts';

/**
 * How much of a failed insert a table contains. ClickHouse writes a block to the table before its
 * materialized views: if a view throws, the table keeps the block, but the target of the view lacks
 * it.
 */
interface InsertedPart {
  readonly rows: number;
  /**
   * Whether the table also has rows of later messages, which means that another sink has continued
   * past this insert.
   */
  readonly isPassed: boolean;
}

/**
 * Maximum number of ranges for which later rows are sought. A batch has one range per partition; a
 * repair has many more, for which later rows prove nothing.
 */
const MAX_LATER = 1_000;

export async function readInsertedPart(
  database: Database,
  table: string,
  ranges: readonly RowRange[],
): Promise<InsertedPart> {
  const later = ranges
    .slice(0, MAX_LATER)
    .map(
      ({ topicId, partition, last, minTimeMs }) =>
        `(_topic_id = ${topicId} AND _partition = ${partition} AND _offset > ${last} AND _timestamp >= ${instant(minTimeMs)})`,
    );
  const [found] = await database.rows<{ rows: string; later: string }>(
    `rows of ${table}`,
    `SELECT toString(countIf(${within(ranges)})) AS rows, toString(countIf(${later.join(' OR ')})) AS later ` +
      `FROM ${qualified(database.name, table)}`,
    longStatement,
  );
  return { rows: Number(found?.rows ?? 0), isPassed: Number(found?.later ?? 0) > 0 };
}

/** Deletes the rows of an insert, so that the table's highest offset is what it was before. */
export async function deleteInserted(
  database: Database,
  table: string,
  ranges: readonly RowRange[],
): Promise<void> {
  const { client, settings, signal } = database;
  const local = `${qualified(database.name, localTableOf(table, settings))}${onCluster(settings)}`;
  const run = (query: string) =>
    client.command({
      query,
      clickhouse_settings: { ...longStatement, lightweight_deletes_sync: '2', mutations_sync: '2' },
      abort_signal: signal,
    });
  await database.retried(`delete rows from ${table}`, async () => {
    try {
      await run(`DELETE FROM ${local} WHERE ${within(ranges)}`);
    } catch (error) {
      // Some tables, such as those with projections, do not support lightweight deletes.
      await run(`ALTER TABLE ${local} DELETE WHERE ${within(ranges)}`).catch(() => {
        throw error;
      });
    }
  });
}

/** Returns the materialized views on a table, each with its target: `db.view to db.target`. */
export async function readViewsOn(database: Database, table: string): Promise<string[]> {
  const dependents =
    `SELECT arrayJoin(arrayZip(dependencies_database, dependencies_table)) FROM system.tables ` +
    `WHERE database = ${literal(database.name)} AND name = ${literal(table)}`;
  const views = await database.rows<{ view: string; sql: string }>(
    `views on ${table}`,
    `SELECT concat(database, '.', name) AS view, create_table_query AS sql ` +
      `FROM system.tables WHERE (database, name) IN (${dependents}) ORDER BY view`,
  );
  return views.map(({ view, sql }) => {
    const target = targetOf(sql);
    return target === '' ? view : `${view} to ${target}`;
  });
}

/** Returns the target of a materialized view, as the server prints it; empty for an inner table. */
export function targetOf(createViewQuery: string): string {
  const [head = '', target = ''] =
    /^CREATE MATERIALIZED VIEW [^(]*? TO ([^ (]+)/.exec(outlineOf(createViewQuery)) ?? [];
  return createViewQuery.slice(head.length - target.length, head.length);
}

/** Returns the ranges as text: `partition 0, offsets 3 to 9`. */
export function rangesText(ranges: readonly RowRange[]): string {
  const [first, ...others] = ranges;
  if (first === undefined) return 'none';
  const { partition, first: from, last } = first;
  const offsets = from === last ? `offset ${from}` : `offsets ${from} to ${last}`;
  return `partition ${partition}, ${offsets}${others.length === 0 ? '' : ` and ${others.length} more`}`;
}

function within(ranges: readonly RowRange[]): string {
  const places = ranges
    .filter(({ first, last }) => first === last)
    .map(({ topicId, partition, first, minTimeMs }) => `(${topicId}, ${partition}, ${first}, ${minTimeMs})`);
  const position = '(_topic_id, _partition, _offset, toUnixTimestamp64Milli(_timestamp))';
  const longer = ranges
    .filter(({ first, last }) => first !== last)
    .map(
      ({ topicId, partition, first, last, minTimeMs, maxTimeMs }) =>
        `(_topic_id = ${topicId} AND _partition = ${partition} AND _offset BETWEEN ${first} AND ${last} AND _timestamp BETWEEN ${instant(minTimeMs)} AND ${instant(maxTimeMs)})`,
    );
  return [...(places.length === 0 ? [] : [`${position} IN (${places.join(', ')})`]), ...longer].join(' OR ');
}

function instant(ms: number): string {
  return `fromUnixTimestamp64Milli(toInt64(${ms}), 'UTC')`;
}
