import {
  askRows,
  clickHouseError,
  literal,
  longStatement,
  qualified,
  type ClickHouseClient,
} from '../../core/clickhouse/client.ts';
import type { ClickHouseSettings } from '../../core/settings/config.ts';
import type { RowRange } from './insert-rows.ts';
import { outlineOf } from './sql-outline.ts';
import { localTableOf, onCluster } from './table-ddl.ts';

/**
 * What ClickHouse has of an insert that it answered with an error. It puts a block into the table and pushes it to the table's
 * materialized views: if one of them throws, the table keeps the block, and the targets of the views have nothing of it.
 */
export interface InsertedPart {
  readonly rows: number;
  /** Rows of later messages are there too: somebody else has gone on behind them. */
  readonly isPassed: boolean;
}

/** A batch has a range for each partition; the rows of a repair, of which later ones say nothing, have many more. */
const MAX_LATER = 1_000;

export async function readInsertedPart(
  client: ClickHouseClient,
  { database }: ClickHouseSettings,
  table: string,
  ranges: readonly RowRange[],
  signal: AbortSignal,
): Promise<InsertedPart> {
  const later = ranges
    .slice(0, MAX_LATER)
    .map(
      ({ topicId, partition, last, minTimeMs }) =>
        `(_topic_id = ${topicId} AND _partition = ${partition} AND _offset > ${last} AND _timestamp >= ${instant(minTimeMs)})`,
    );
  const [found] = await askRows<{ rows: string; later: string }>(
    client,
    `SELECT toString(countIf(${within(ranges)})) AS rows, toString(countIf(${later.join(' OR ')})) AS later ` +
      `FROM ${qualified(database, table)}`,
    signal,
    longStatement,
  );
  return { rows: Number(found?.rows ?? 0), isPassed: Number(found?.later ?? 0) > 0 };
}

/** Takes the rows of an insert out of the table, so that its highest offset is again that of before. */
export async function takeBack(
  client: ClickHouseClient,
  settings: ClickHouseSettings,
  table: string,
  ranges: readonly RowRange[],
  signal: AbortSignal,
): Promise<void> {
  const local = qualified(settings.database, localTableOf(table, settings));
  const where = `${onCluster(settings)} WHERE ${within(ranges)}`;
  const options = {
    clickhouse_settings: { ...longStatement, lightweight_deletes_sync: '2', mutations_sync: '2' } as const,
    abort_signal: signal,
  };
  try {
    await client.command({ query: `DELETE FROM ${local}${where}`, ...options });
  } catch (error) {
    // Some tables take no lightweight deletes, such as one with projections.
    await client
      .command({
        query: `ALTER TABLE ${local}${onCluster(settings)} DELETE WHERE ${within(ranges)}`,
        ...options,
      })
      .catch(() => {
        throw clickHouseError(error, settings, `take rows back from ${table}`);
      });
  }
}

/** The materialized views that inserts into a table are pushed to, each with its target: `db.view to db.target`. */
export async function readViewsOn(
  client: ClickHouseClient,
  { database }: ClickHouseSettings,
  table: string,
  signal: AbortSignal,
): Promise<string[]> {
  const dependents =
    `SELECT arrayJoin(arrayZip(dependencies_database, dependencies_table)) FROM system.tables ` +
    `WHERE database = ${literal(database)} AND name = ${literal(table)}`;
  const views = await askRows<{ view: string; sql: string }>(
    client,
    `SELECT concat(database, '.', name) AS view, create_table_query AS sql ` +
      `FROM system.tables WHERE (database, name) IN (${dependents}) ORDER BY view`,
    signal,
  );
  return views.map(({ view, sql }) => {
    const target = targetOf(sql);
    return target === '' ? view : `${view} to ${target}`;
  });
}

/**
 * The target table of a materialized view, as the server prints it; empty for an inner table. Pure.
 */
export function targetOf(createViewQuery: string): string {
  const [head = '', target = ''] =
    /^CREATE MATERIALIZED VIEW [^(]*? TO ([^ (]+)/.exec(outlineOf(createViewQuery)) ?? [];
  return createViewQuery.slice(head.length - target.length, head.length);
}

/** In words: `partition 0, offsets 3 to 9`. */
export function textOf(ranges: readonly RowRange[]): string {
  const [first, ...others] = ranges;
  if (first === undefined) return 'none';
  const { partition, first: from, last } = first;
  const offsets = from === last ? `offset ${from}` : `offsets ${from} to ${last}`;
  return `partition ${partition}, ${offsets}${others.length === 0 ? '' : ` and ${others.length} more`}`;
}

function within(ranges: readonly RowRange[]): string {
  const singles = ranges.filter(({ first, last }) => first === last);
  const longer = ranges.filter(({ first, last }) => first !== last);
  const places = singles.map(
    ({ topicId, partition, first, minTimeMs }) => `(${topicId}, ${partition}, ${first}, ${minTimeMs})`,
  );
  return [
    ...(places.length === 0
      ? []
      : [`(_topic_id, _partition, _offset, toUnixTimestamp64Milli(_timestamp)) IN (${places.join(', ')})`]),
    ...longer.map(
      ({ topicId, partition, first, last, minTimeMs, maxTimeMs }) =>
        `(_topic_id = ${topicId} AND _partition = ${partition} AND _offset BETWEEN ${first} AND ${last} AND _timestamp BETWEEN ${instant(minTimeMs)} AND ${instant(maxTimeMs)})`,
    ),
  ].join(' OR ');
}

function instant(ms: number): string {
  return `fromUnixTimestamp64Milli(toInt64(${ms}), 'UTC')`;
}
