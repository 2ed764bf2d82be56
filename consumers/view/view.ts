import { literal } from '../../core/clickhouse/client.ts';
import type { Database } from '../../core/clickhouse/database.ts';
import { isSystemColumnName } from '../../core/avro/schema.ts';
import { historyTableOf, historyViewOf, pastViewOf, storageTableOf, viewOf } from '../../core/stream-name.ts';
import { parseColumnType } from '../column/parse-column-type.ts';
import type { CommentedColumn } from '../table/stored-columns.ts';
import { localTableOf } from '../table/table-ddl.ts';
import type { StreamColumns } from './column-kinds.ts';
import { derivedViews } from './definitions.ts';
import { historyViews, type History } from './history-views.ts';
import { latestRows, selectOf, type ViewQuery } from './view-query.ts';

/** A view as the sink creates it. */
export interface View {
  readonly name: string;
  /** The stream that reports faults of the view. */
  readonly owner: string;
  /** Its query as the server shows it, except for quotes, spaces and parentheses. */
  readonly select: string;
  readonly columns: readonly { readonly name: string; readonly comment: string }[];
  /** The columns of the tables that it was made for. Their types determine those of the view. */
  readonly tables: StreamColumns;
  readonly history?: History | undefined;
}

/** Returns whether a view over other streams has this name. */
export function isDerivedView(name: string): boolean {
  return derivedViews.some((view) => view.name === name);
}

/** Returns the views over a stream, its own first; none if the stream has no storage table. */
export async function readExpectedViews(database: Database, stream: string): Promise<View[]> {
  const derived = derivedViews.filter(({ streams }) => streams.includes(stream));
  const namesakes = [historyViewOf(stream), pastViewOf(stream)];
  const streams = new Set([stream, ...namesakes, ...derived.flatMap((view) => [...view.streams, view.name])]);
  const [tables, history] = [
    await readStreamColumns(database, [...streams]),
    await readHistory(database, stream),
  ];
  const queries = viewQueries(database.name, stream, tables, history);
  const texts = queries.map(({ query }) => literal(selectOf(query)));
  const formatted = await database.rows<{ select: string }>(
    `views of ${stream}`,
    `SELECT formatQuerySingleLine(arrayJoin(CAST([${texts.join(', ')}], 'Array(String)'))) AS select`,
  );
  return queries.map(({ name, owner, query }, index) => ({
    name,
    owner,
    select: formatted[index]?.select ?? '',
    columns: query.columns.map((column) => ({ name: column.name, comment: column.comment })),
    tables,
    history,
  }));
}

interface NamedQuery extends Pick<View, 'name' | 'owner'> {
  readonly query: ViewQuery;
}

/**
 * Returns the queries of the views over a stream. A source may have a stream with the name of a
 * derived view (`transactions`): if that stream has a storage table, the view shows this table.
 */
export function viewQueries(
  database: string,
  stream: string,
  columns: StreamColumns,
  history?: History,
): NamedQuery[] {
  const own = columns.get(stream);
  if (own === undefined) return [];
  const view = viewOf(stream);
  const derived = derivedViews
    .filter(({ name, streams }) => name !== view && streams.includes(stream))
    .flatMap(({ name, streams, query: derive }): NamedQuery[] => {
      const namesake = columns.get(name);
      if (namesake !== undefined) return [{ name, owner: name, query: latestRows(database, name, namesake) }];
      const query = derive(database, columns);
      return query === undefined ? [] : [{ name, owner: streams[0], query }];
    });
  const ofHistory = (history === undefined ? [] : historyViews(database, history)).filter(
    ({ name }) => !columns.has(name),
  );
  return [
    { name: view, owner: stream, query: latestRows(database, stream, own) },
    ...derived,
    ...ofHistory.map((found) => ({ ...found, owner: stream })),
  ];
}

/** Returns the columns of the storage tables that exist, by stream, without system columns. */
async function readStreamColumns(database: Database, streams: readonly string[]): Promise<StreamColumns> {
  const own = `database = ${literal(database.name)}`;
  const tables = streams.map((stream) => literal(storageTableOf(stream))).join(', ');
  const found = await database.rows<Readonly<Record<'table' | 'name' | 'type' | 'comment', string>>>(
    `columns of ${streams.join(', ')}`,
    `SELECT table, name, type, comment FROM system.columns WHERE ${own} AND table IN (${tables}) AND default_kind IN ('', 'DEFAULT') ` +
      `AND table NOT IN (SELECT name FROM system.tables WHERE ${own} AND engine LIKE '%View') ORDER BY table, position`,
  );
  const columns = new Map<string, readonly CommentedColumn[]>();
  for (const stream of streams) {
    const ofStream = found.filter(({ table }) => table === storageTableOf(stream));
    if (ofStream.length > 0) columns.set(stream, ofStream.flatMap(usableColumn));
  }
  return columns;
}

/** Returns the columns of the stream's history; undefined if there is none. */
async function readHistory(database: Database, stream: string): Promise<History | undefined> {
  const found = await database.rows<
    Readonly<Record<'name' | 'type' | 'comment', string>> & { isKey: number }
  >(
    `columns of ${historyTableOf(stream)}`,
    `SELECT name, type, comment, is_in_sorting_key AS isKey FROM system.columns ` +
      `WHERE database = ${literal(database.name)} AND table = ${literal(localTableOf(historyTableOf(stream), database.settings))} ` +
      `AND default_kind IN ('', 'DEFAULT') ORDER BY position`,
  );
  const key = found.filter(({ name, isKey }) => isKey === 1 && !isSystemColumnName(name));
  if (key.length === 0) return undefined;
  return { stream, key: key.map(({ name }) => name), columns: found.flatMap(usableColumn) };
}

function usableColumn(column: { name: string; type: string; comment: string }): CommentedColumn[] {
  const { name, comment } = column;
  const type = isSystemColumnName(name) ? undefined : parseColumnType(column.type);
  return type === undefined ? [] : [{ name, type, comment }];
}
