import { literal } from '../../core/clickhouse/client.ts';
import type { Database } from '../../core/clickhouse/database.ts';
import { isSystemColumnName } from '../../core/avro/schema.ts';
import { storageTableOf, viewOf } from '../../core/stream-name.ts';
import { parseColumnType } from '../column/parse-column-type.ts';
import type { CommentedColumn } from '../table/stored-columns.ts';
import type { StreamColumns } from './column-kinds.ts';
import { derivedViews } from './definitions.ts';
import { latestRows, selectOf, type ViewQuery } from './view-query.ts';

/** A view as the sink creates it. */
export interface View {
  readonly name: string;
  /** The stream that reports faults of the view. */
  readonly owner: string;
  /** Its query, formatted by the server: as the server shows it, except for quotes and spaces. */
  readonly select: string;
  readonly columns: readonly { readonly name: string; readonly comment: string }[];
  /** The columns of the tables that it was made for. Their types determine those of the view. */
  readonly tables: StreamColumns;
}

/** Returns whether a view over other streams has this name. */
export function isDerivedView(name: string): boolean {
  return derivedViews.some((view) => view.name === name);
}

/** Returns the views over a stream, its own first; none if the stream has no storage table. */
export async function readExpectedViews(database: Database, stream: string): Promise<View[]> {
  const derived = derivedViews.filter(({ streams }) => streams.includes(stream));
  const streams = new Set([stream, ...derived.flatMap((view) => [...view.streams, view.name])]);
  const tables = await readStreamColumns(database, [...streams]);
  const queries = viewQueries(database.name, stream, tables);
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
  }));
}

interface NamedQuery extends Pick<View, 'name' | 'owner'> {
  readonly query: ViewQuery;
}

/**
 * Returns the queries of the views over a stream. A source may have a stream with the name of a
 * derived view (`transactions`): if that stream has a storage table, the view shows this table.
 */
export function viewQueries(database: string, stream: string, columns: StreamColumns): NamedQuery[] {
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
  return [{ name: view, owner: stream, query: latestRows(database, stream, own) }, ...derived];
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

function usableColumn(column: { name: string; type: string; comment: string }): CommentedColumn[] {
  const { name, comment } = column;
  const type = isSystemColumnName(name) ? undefined : parseColumnType(column.type);
  return type === undefined ? [] : [{ name, type, comment }];
}
