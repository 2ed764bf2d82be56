import { isSystemColumnName } from '../../core/avro/schema.ts';
import { quoted } from '../../core/clickhouse/client.ts';
import { IncompatibleSchemaError } from '../../core/errors.ts';
import { bareType, nullableType, stringType, type Column, type ColumnType } from '../column/column-type.ts';
import { incompatibleTypes, isSame, widened } from '../column/widened.ts';
import { declaredFields, type DeclaredFields } from '../schema/declared-fields.ts';
import { isOpenObject, type WriterSchema } from '../schema/writer-type.ts';
import { defaultSql, hasDefault } from './default-sql.ts';
import {
  columnSql,
  fieldColumns,
  sortingKey,
  systemColumns,
  type CommentedColumn,
} from './stored-columns.ts';
import type { TableShape } from './table-shape.ts';

/**
 * Returns the actions of one ALTER TABLE after which the table can hold every value of the schema;
 * none if it already can. Never narrows or drops a column.
 * @param isOlder whether the topic has a later schema. Columns that the later schema turned into
 * text then accept numbers.
 * @param declared the fields of all schemas. Columns that this schema lacks must accept null or
 *   their default.
 * @throws IncompatibleSchemaError naming table, column and both types.
 */
export function evolutionActions(
  table: string,
  shape: Pick<TableShape, 'columns' | 'unusable'>,
  schema: WriterSchema,
  isOlder = false,
  declared = declaredFields([schema]),
): string[] {
  const columns = shape.columns.map(({ name, type }) => ({ name, type: asDeclared(type, name, declared) }));
  const lacking = columns.flatMap((column) => lackingAction(column, schema, declared));
  const actions = [...fieldColumns(schema), ...systemColumns].flatMap((wanted) => {
    const where = `column ${table}.${wanted.name}`;
    const wantedText = wanted.type.text;
    const unfit = (have: string) => incompatibleTypes(where, have, wantedText);
    const unusable = shape.unusable.get(wanted.name);
    if (unusable !== undefined) throw unfit(unusable);
    const column = columns.find(({ name }) => name === wanted.name);
    if (column === undefined) return [`ADD COLUMN IF NOT EXISTS ${addedColumnSql(wanted, schema)}`];
    const have = column.type.text;
    const [before, after] = isOlder ? [wanted.type, column.type] : [column.type, wanted.type];
    if (makesNumberOfText(before, after)) throw unfit(have);
    if (isSystemColumnName(wanted.name)) {
      if (!isSame(column.type, wanted.type)) throw unfit(have);
      return [];
    }
    const type = widened(column.type, wanted.type, where).text;
    if (type === have) return [];
    if (sortingKey(schema).includes(wanted.name))
      throw new IncompatibleSchemaError(
        `${where} is ${have} and part of the sorting key: it cannot become ${type}`,
      );
    return [`MODIFY COLUMN ${quoted(wanted.name)} ${type}`];
  });
  return [...actions, ...lacking];
}

/** Returns the SQL that adds a column. Existing rows get the field's default, or null. */
function addedColumnSql(column: CommentedColumn, { fields, primaryKey }: WriterSchema): string {
  const { name, type, comment } = column;
  if (primaryKey?.includes(name) === true || isSystemColumnName(name)) return columnSql(column);
  const field = fields.find((candidate) => candidate.name === name);
  if (field === undefined) return columnSql(column);
  const value = hasDefault(field) ? defaultSql(field, type) : undefined;
  if (value !== undefined) return columnSql({ ...column, value });
  const nullable = nullableType(type);
  const nothing = defaultSql({ ...field, default: null }, nullable);
  return columnSql({ name, type: nullable, comment, value: nothing });
}

/** Makes the column of a field that the schema lacks nullable, unless the field has a default. */
function lackingAction({ name, type }: Column, schema: WriterSchema, declared: DeclaredFields): string[] {
  const field = declared.get(name);
  const isLacking = field !== undefined && !schema.fields.some((candidate) => candidate.name === name);
  if (!isLacking || sortingKey(schema).includes(name) || hasDefault(field)) return [];
  const nullable = nullableType(type);
  return isSame(nullable, type) ? [] : [`MODIFY COLUMN ${quoted(name)} ${nullable.text}`];
}

/** Marks the Strings in the server's type that the schemas declare to be open objects. */
function asDeclared(type: ColumnType, path: string, declared: DeclaredFields): ColumnType {
  switch (type.kind) {
    case 'scalar': {
      const field = type.name === 'String' ? declared.get(path) : undefined;
      return field !== undefined && isOpenObject(field.type) ? { ...stringType, isOpenObject: true } : type;
    }
    case 'array':
      return { ...type, item: asDeclared(type.item, `${path}[]`, declared) };
    case 'map':
      return { ...type, value: asDeclared(type.value, `${path}{}`, declared) };
    case 'tuple': {
      const members = type.members.map((member) => ({
        ...member,
        type: asDeclared(member.type, `${path}.${member.name}`, declared),
      }));
      return { ...type, members };
    }
    default:
      return type;
  }
}

/** Returns whether text becomes a number or a time, although the column would have to stay text. */
function makesNumberOfText(before: ColumnType, after: ColumnType): boolean {
  const [have, want] = [bareType(before).bare, bareType(after).bare];
  if (have.kind === 'array' && want.kind === 'array') return makesNumberOfText(have.item, want.item);
  if (have.kind === 'map' && want.kind === 'map') return makesNumberOfText(have.value, want.value);
  if (have.kind === 'tuple' && want.kind === 'tuple') {
    return want.members.some((member) => {
      const known = have.members.find(({ name }) => name === member.name);
      return known !== undefined && makesNumberOfText(known.type, member.type);
    });
  }
  return have.text === 'String' && (isNumber(want) || want.kind === 'decimal' || want.kind === 'dateTime64');
}

function isNumber(type: ColumnType): boolean {
  return type.kind === 'scalar' && type.name !== 'String' && type.name !== 'UUID';
}
