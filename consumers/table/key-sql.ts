import { literal, quoted } from '../../core/clickhouse/client.ts';
import type { TableColumn } from './table-shape.ts';

/** Of a table without a primary key: each message is a row of its own. */
const byPosition = ['_partition', '_offset'];

/** Whether a table's rows are told apart by the places of their messages alone. */
export function isByPosition(sortingKey: readonly string[]): boolean {
  return sortingKey.join() === byPosition.join();
}

/**
 * The text of a row's message key as SQL, out of the columns that its table is sorted by: what the producers write, parts joined by `|`.
 * Of a table without a primary key the place of the message.
 */
export function keyTextSql(sortingKey: readonly string[]): string {
  const parts = sortingKey.map(textSql);
  const [only = "''"] = parts;
  return parts.length < 2 ? only : `concat(${parts.join(", '|', ")})`;
}

/** The parts of the key as an Array(String), in the storage table and beside it: two keys may have the same text, and their parts differ. */
export function keyPartsSql(sortingKey: readonly string[]): string {
  return `[${sortingKey.map(textSql).join(', ')}]`;
}

function textSql(column: string): string {
  return `CAST(toString(${quoted(column)}), 'String')`;
}

/** The same of a key that is known. */
export function partsLiteral(parts: readonly string[]): string {
  return `CAST([${parts.map(literal).join(', ')}], 'Array(String)')`;
}

/** Tells keys apart. */
export function keyIdOf(parts: readonly string[]): string {
  const [only = ''] = parts;
  return parts.length < 2 ? only : JSON.stringify(parts);
}

/** A condition as SQL for the rows of some keys, given by their parts, that makes use of the table's order. */
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
