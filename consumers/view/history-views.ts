import { literal, qualified, quoted } from '../../core/clickhouse/client.ts';
import { historyTableOf, historyViewOf, pastViewOf } from '../../core/stream-name.ts';
import type { CommentedColumn } from '../table/stored-columns.ts';
import { withChangedAt, type ViewColumn, type ViewQuery } from './view-query.ts';

/** The table with every version of a stream's records: see `HistoryTable`. */
export interface History {
  readonly stream: string;
  /** The primary key of the stream. */
  readonly key: readonly string[];
  /** The fields of the stream, key included. */
  readonly columns: readonly CommentedColumn[];
}

const AT = '{at:String}';

/** Returns whether the query of a view has the parameter `at`. */
export function takesTime(select: string): boolean {
  return select.includes(AT);
}

/** Returns the query for a time, which must not be quoted. */
export function atTime(select: string, time: string): string {
  return select.replaceAll(AT, literal(time));
}

export function historyViews(database: string, history: History): { name: string; query: ViewQuery }[] {
  return [
    { name: historyViewOf(history.stream), query: versions(database, history) },
    { name: pastViewOf(history.stream), query: recordsAt(database, history) },
  ];
}

/**
 * Returns a query with a row for each version of a record, but no row for the time during which the
 * record was deleted.
 */
function versions(database: string, { stream, key, columns }: History): ViewQuery {
  const compared = columns.filter(({ name }) => !key.includes(name)).map(({ name }) => name);
  // The hash of a tuple is never null.
  const hashes = compared.map((name) => `sipHash64(tuple(_row.${quoted(name)}))`);
  const stored =
    `SELECT *, CAST([${hashes.join(', ')}], 'Array(UInt64)') AS _hashes ` +
    `FROM ${qualified(database, historyTableOf(stream))} AS _row FINAL`;
  const partition = key.map((name) => `_row.${quoted(name)}`).join(', ');
  const window = `(PARTITION BY ${partition} ORDER BY _row._version ASC ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)`;
  const neighbours =
    `SELECT *, leadInFrame(toNullable(_row._timestamp)) OVER ${window} AS _next_timestamp, leadInFrame(_row._deleted) OVER ${window} AS _is_next_deleted, ` +
    `lagInFrame(_row._deleted) OVER ${window} AS _was_deleted, lagInFrame(_row._hashes, 1, _row._hashes) OVER ${window} AS _previous_hashes ` +
    `FROM (${stored}) AS _row`;
  const names = `CAST([${compared.map(literal).join(', ')}], 'Array(String)')`;
  const changed = `arrayFilter((name, now, before) -> (now != before) AND NOT _row._was_deleted, ${names}, _row._hashes, _row._previous_hashes)`;
  const own: readonly ViewColumn[] = [
    { name: 'valid_from', sql: '_row._timestamp', comment: 'When Kafka received this version.' },
    {
      name: 'valid_to',
      sql: '_row._next_timestamp',
      comment: 'When Kafka received the next version or the delete; null for the current version.',
    },
    {
      name: 'deleted_at',
      sql: 'if(_row._is_next_deleted, _row._next_timestamp, NULL)',
      comment: 'Equal to `valid_to` if a delete ended the version, else null.',
    },
    {
      name: 'changed_fields',
      sql: changed,
      comment:
        'Fields that differ from the previous version; empty for the first version and after a delete.',
    },
  ];
  const fields = fieldsOf(columns).filter(({ name }) => !own.some((column) => column.name === name));
  return {
    columns: withChangedAt([...fields, ...own], 'ifNull(_row._next_timestamp, _row._timestamp)'),
    from: `FROM (${neighbours}) AS _row WHERE NOT _row._deleted`,
  };
}

/**
 * Returns a query for the records as they were at the time `at`, with the columns of the stream's
 * own view.
 */
function recordsAt(database: string, { stream, key, columns }: History): ViewQuery {
  const ofKey = key.map((name) => `_row.${quoted(name)}`).join(', ');
  const latest =
    `SELECT * FROM ${qualified(database, historyTableOf(stream))} AS _row ` +
    `WHERE _row._timestamp <= parseDateTime64BestEffort(${AT}, 3, 'UTC') ` +
    `ORDER BY ${ofKey}, _row._version DESC LIMIT 1 BY ${ofKey}`;
  return {
    columns: withChangedAt(fieldsOf(columns), '_row._timestamp'),
    from: `FROM (${latest}) AS _row WHERE NOT _row._deleted`,
  };
}

/** Qualifies the fields, since some names are ambiguous on their own: see `isAmbiguousName`. */
function fieldsOf(columns: readonly CommentedColumn[]): readonly ViewColumn[] {
  return columns.map(({ name, comment }) => ({ name, sql: `_row.${quoted(name)}`, comment }));
}
