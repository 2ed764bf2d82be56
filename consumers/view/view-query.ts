import { qualified, quoted } from '../../core/clickhouse/client.ts';
import { storageTableOf } from '../../core/stream-name.ts';
import { isAmbiguousName } from '../schema/ambiguous-name.ts';
import type { CommentedColumn } from '../table/stored-columns.ts';

/** A column of a view. */
export interface ViewColumn {
  readonly name: string;
  /** The expression that computes it. */
  readonly sql: string;
  readonly comment: string;
}

/** The query of a view. */
export interface ViewQuery {
  readonly columns: readonly ViewColumn[];
  /** Everything after the list of columns, starting with `FROM`. */
  readonly from: string;
}

/** Returns the query for the latest live row of each key of a storage table. */
export function latestRows(database: string, stream: string, columns: readonly CommentedColumn[]): ViewQuery {
  const own = columns.map(({ name, comment }) => ({
    name,
    sql: isAmbiguousName(name) ? `stored.${quoted(name)}` : quoted(name),
    comment,
  }));
  const alias = columns.some(({ name }) => isAmbiguousName(name)) ? 'stored' : undefined;
  return { columns: withChangedAt(own, quoted('_timestamp')), from: fromLatest(database, stream, alias) };
}

/** Returns the clause that reads the latest live row of each key of a storage table. */
export function fromLatest(database: string, stream: string, alias?: string): string {
  const as = alias === undefined ? '' : ` AS ${alias}`;
  return `FROM ${qualified(database, storageTableOf(stream))}${as} FINAL`;
}

/**
 * Adds the time at which the message behind a row reached Kafka, so that readers can query what has
 * changed since a given time. A field of the stream with this name hides it.
 */
export function withChangedAt(columns: readonly ViewColumn[], sql: string): readonly ViewColumn[] {
  const name = '_changed_at';
  const comment = 'When Kafka received the latest message behind this row.';
  return columns.some((column) => column.name === name) ? columns : [...columns, { name, sql, comment }];
}

/** Returns the text of a query. */
export function selectOf({ columns, from }: ViewQuery): string {
  const list = columns.map(({ name, sql }) => (sql === quoted(name) ? sql : `${sql} AS ${quoted(name)}`));
  return `SELECT ${list.join(', ')} ${from}`;
}
