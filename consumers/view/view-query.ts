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
  /** Everything after the list of columns, from `FROM` on. */
  readonly from: string;
}

/** When the message behind a row reached Kafka, so that readers can ask what changed since. */
export const CHANGED_AT = '_changed_at';

/** Returns the query for the latest live row of each key of a storage table. */
export function latestRows(database: string, stream: string, columns: readonly CommentedColumn[]): ViewQuery {
  const own = columns.map(({ name, comment }) => ({
    name,
    sql: isAmbiguousName(name) ? `stored.${quoted(name)}` : quoted(name),
    comment,
  }));
  const alias = columns.some(({ name }) => isAmbiguousName(name)) ? ' AS stored' : '';
  return {
    columns: columns.some(({ name }) => name === CHANGED_AT) ? own : [...own, changedAt('_timestamp')],
    from: `FROM ${qualified(database, storageTableOf(stream))}${alias} FINAL`,
  };
}

/** Returns the text of a query. */
export function selectOf({ columns, from }: ViewQuery): string {
  const list = columns.map(({ name, sql }) => (sql === quoted(name) ? sql : `${sql} AS ${quoted(name)}`));
  return `SELECT ${list.join(', ')} ${from}`;
}

export function changedAt(sql: string): ViewColumn {
  return { name: CHANGED_AT, sql, comment: 'When Kafka received the latest message behind this row.' };
}
