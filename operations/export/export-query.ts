import { literal, qualified, quoted } from '../../core/clickhouse/client.ts';
import { columnSql, type Form } from './column-sql.ts';
import type { ExportableView } from './exportable-views.ts';

const formats: Readonly<Record<Form, string>> = {
  parquet: 'Parquet',
  csv: 'CSVWithNames',
  // PostgreSQL's text format for COPY has the same escapes.
  postgres: 'TabSeparated',
};

/** Each setting is sent only if the server has it, because old servers lack some. */
export const exportSettings: Readonly<Record<string, string>> = {
  // A query that reads a table twice sees the same state both times.
  enable_shared_storage_snapshot_in_query: '1',
  output_format_parquet_string_as_string: '1',
  output_format_parquet_datetime_as_uint32: '0',
  output_format_parquet_date_as_uint16: '0',
  // Every warehouse can read snappy, unlike zstd.
  output_format_parquet_compression_method: 'snappy',
  // Limits memory, because the server keeps a row group in memory.
  output_format_parquet_row_group_size: '250000',
  output_format_parquet_row_group_size_bytes: '134217728',
  output_format_json_quote_denormals: '1',
  output_format_json_quote_64bit_integers: '0',
  output_format_json_quote_64bit_floats: '0',
  output_format_json_quote_decimals: '0',
  output_format_json_named_tuples_as_objects: '1',
  output_format_csv_crlf_end_of_line: '0',
  output_format_tsv_crlf_end_of_line: '0',
  output_format_decimal_trailing_zeros: '0',
  format_csv_null_representation: '',
  format_csv_delimiter: ',',
  format_tsv_null_representation: '\\N',
  date_time_output_format: 'simple',
  bool_true_representation: 'true',
  bool_false_representation: 'false',
  http_write_exception_in_output_format: '0',
  // Keeps proxies from closing a connection while the server prepares the first rows.
  send_progress_in_http_headers: '1',
  http_headers_progress_interval_ms: '20000',
  max_query_size: '200000000',
  max_ast_elements: '20000000',
  max_expanded_ast_elements: '20000000',
};

/**
 * Returns the query for a view's rows.
 * @param changed an SQL condition that selects the changed rows of the storage table.
 */
export function rowsQuery(
  database: string,
  form: Form,
  { name, columns, key, streams }: ExportableView,
  table: string,
  changed: string | undefined,
): string {
  const select = selectList(form, columns);
  const isChanged =
    changed === undefined || key === undefined || streams.length > 1
      ? ''
      : ` WHERE ${keyOf(key)} IN (${changedKeys(database, table, key, changed)})`;
  return `SELECT ${select} FROM ${qualified(database, name)} AS exported${isChanged} FORMAT ${formats[form]}`;
}

/** Returns the query for the deleted keys, with the times of their deletes. */
export function deletesQuery(
  database: string,
  form: Form,
  columns: ExportableView['columns'],
  key: readonly string[],
  table: string,
  changed: string,
): string {
  const own = qualified(database, table);
  const keys = key.map(quoted).join(', ');
  const deleted =
    `SELECT ${keys}, argMax(_timestamp, _version) AS _changed_at FROM ${own} ` +
    `WHERE (${keys}) IN (${changedKeys(database, table, key, changed)}) GROUP BY ${keys} HAVING argMax(_deleted, _version) = 1`;
  return `SELECT ${selectList(form, deletedColumns(columns, key))} FROM (${deleted}) AS exported FORMAT ${formats[form]}`;
}

/** Returns the columns of a file of deletes. */
export function deletedColumns(
  columns: ExportableView['columns'],
  key: readonly string[],
): ExportableView['columns'] {
  const time = {
    name: '_changed_at',
    type: "DateTime64(3, 'UTC')",
    comment: 'When Kafka received the delete.',
  };
  return [...columns.filter(({ name }) => key.includes(name)), time];
}

export function sinceSql(timeMs: number): string {
  return `_timestamp >= fromUnixTimestamp64Milli(toInt64(${timeMs}), 'UTC')`;
}

export function settingsQuery(): string {
  const names = Object.keys(exportSettings).map(literal).join(', ');
  return `SELECT name FROM system.settings WHERE name IN (${names})`;
}

function changedKeys(database: string, table: string, key: readonly string[], changed: string): string {
  return `SELECT ${key.map(quoted).join(', ')} FROM ${qualified(database, table)} WHERE ${changed}`;
}

function keyOf(key: readonly string[]): string {
  return `(${key.map((part) => `exported.${quoted(part)}`).join(', ')})`;
}

/**
 * Returns the list of selected columns. Each is qualified, because an alias of the same name would
 * otherwise replace it.
 */
function selectList(form: Form, columns: ExportableView['columns']): string {
  return columns
    .map(({ name, type }) => `${columnSql(form, type, `exported.${quoted(name)}`)} AS ${quoted(name)}`)
    .join(', ');
}
