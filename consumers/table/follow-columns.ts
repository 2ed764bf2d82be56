import { IncompatibleSchemaError } from '../../core/errors.ts';
import { incompatibleTypes, isSame, widened } from '../column/widened.ts';
import { quoted } from '../../core/clickhouse/client.ts';
import type { TableColumn, TableShape } from './table-shape.ts';

/**
 * Returns the actions of one ALTER TABLE after which a table has these columns of another table,
 * with types that hold every value of both. If both tables follow each other, their types become
 * the same.
 * @param added returns the definition of a column that the table lacks.
 * @throws IncompatibleSchemaError naming table, column and both types.
 */
export function followActions(
  table: string,
  shape: Pick<TableShape, 'columns' | 'unusable' | 'sortingKey'>,
  wanted: readonly TableColumn[],
  added: (column: TableColumn) => string = ({ name, type }) => `${quoted(name)} ${type.text}`,
): string[] {
  return wanted.flatMap((column) => {
    const where = `column ${table}.${column.name}`;
    const unusable = shape.unusable.get(column.name);
    if (unusable !== undefined) throw incompatibleTypes(where, unusable, column.type.text);
    const have = shape.columns.find(({ name }) => name === column.name);
    if (have === undefined) return [`ADD COLUMN IF NOT EXISTS ${added(column)}`];
    if (isSame(have.type, column.type)) return [];
    const type = widened(have.type, column.type, where);
    if (isSame(have.type, type)) return [];
    if (shape.sortingKey.includes(column.name))
      throw new IncompatibleSchemaError(
        `${where} is ${have.type.text} and part of the sorting key: it cannot become ${type.text}`,
      );
    return [`MODIFY COLUMN ${quoted(column.name)} ${type.text}`];
  });
}
