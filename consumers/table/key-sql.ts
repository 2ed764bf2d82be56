import { literal, quoted } from '../../core/clickhouse/client.ts';
import type { TableColumn } from './table-shape.ts';

/** The sorting key of a table without a primary key, where each message is a separate row. */
const byPosition = ['_partition', '_offset'];

/** Returns whether a table's rows are distinguished only by the positions of their messages. */
export function isByPosition(sortingKey: readonly string[]): boolean {
  return sortingKey.join() === byPosition.join();
}

/** Returns SQL for a row's message key: the text of its sorting key's columns, joined by `|`. */
export function keyTextSql(sortingKey: readonly string[]): string {
  const parts = sortingKey.map(textSql);
  const [only = "''"] = parts;
  return parts.length < 2 ? only : `concat(${parts.join(", '|', ")})`;
}

/** Returns SQL for the parts of the key as an Array(String), which is unique to the key. */
export function keyPartsSql(sortingKey: readonly string[]): string {
  return `[${sortingKey.map(textSql).join(', ')}]`;
}

function textSql(column: string): string {
  return `CAST(toString(${quoted(column)}), 'String')`;
}

export function partsLiteral(parts: readonly string[]): string {
  return `CAST([${parts.map(literal).join(', ')}], 'Array(String)')`;
}

/** Returns a string that is unique to the key. */
export function keyIdOf(parts: readonly string[]): string {
  const [only = ''] = parts;
  return parts.length < 2 ? only : JSON.stringify(parts);
}

/** Returns an SQL condition that selects rows by key and uses the table's primary index. */
export function keysConditionSql(
  key: readonly Pick<TableColumn, 'name' | 'typeText'>[],
  keys: readonly (readonly string[])[],
): string {
  const tuple = (values: readonly string[]) =>
    values.length === 1 ? String(values[0]) : `(${values.join(', ')})`;
  const listed = keys.map((parts) =>
    tuple(key.map(({ typeText }, index) => `CAST(${literal(parts[index] ?? '')}, ${literal(typeText)})`)),
  );
  return `${tuple(key.map(({ name }) => quoted(name)))} IN (${listed.join(', ')})`;
}
