import { IncompatibleSchemaError } from '../../core/errors.ts';
import {
  isAlwaysNull,
  isJsonText,
  membersOf,
  splitUnion,
  type UnionType,
  type WriterField,
  type WriterType,
} from '../schema/writer-type.ts';
import {
  arrayType,
  dateTime64Type,
  decimalType,
  mapType,
  nullableType,
  scalarType,
  stringType,
  tupleType,
  variantType,
  type ColumnType,
} from './column-type.ts';

const MAX_DECIMAL_DIGITS = 76;
/** The server's limit. */
const MAX_VARIANT_MEMBERS = 255;

/**
 * Returns the column type for a field; undefined for a field that is always null.
 *
 * A null record becomes a Tuple of nulls, and a null array or map becomes empty. A union of scalars
 * is a Variant, so that one field stays one column. A union with a record, array or map is JSON
 * text (see `isJsonText`). Instead of unions, our own producers write variant fields
 * `<field>__v_<kind>`.
 */
export function columnTypeOf(type: WriterType): ColumnType | undefined {
  return isAlwaysNull(type) ? undefined : innerType(type);
}

/**
 * Returns the type of a key column. Key columns are never null, and their values match the text of
 * the message key, since neither the sorting key nor message keys can ever change.
 * @param where names the field in errors: `field uuid`.
 * @throws IncompatibleSchemaError
 */
export function keyColumnTypeOf(type: WriterType, where: string): ColumnType {
  const [only, ...others] = splitUnion(type).values;
  const kind = others.length === 0 ? only?.type.kind : undefined;
  switch (kind) {
    case 'int':
    case 'long':
      return scalarType('Int64');
    case 'string':
    case 'enum':
    case 'uuid':
      return stringType;
    case 'date':
      return scalarType('Date32');
    default:
      throw new IncompatibleSchemaError(
        `${where}: fields of the primary key must be string, enum, uuid, int, long or date; got ${kind ?? 'a union'}`,
      );
  }
}

/** Returns a column's comment: the field's doc, and the unit of a time of day. */
export function columnCommentOf({ type, doc = '' }: WriterField): string {
  const kinds = splitUnion(type).values.map((branch) => branch.type.kind);
  const units = [
    ...(kinds.includes('time-millis') ? ['Milliseconds since midnight.'] : []),
    ...(kinds.includes('time-micros') ? ['Microseconds since midnight.'] : []),
  ];
  return [...(doc === '' ? [] : [doc]), ...units].join(' ');
}

/** Like {@link columnTypeOf}, but returns a Nullable(String) for a type that is always null. */
function innerType(type: WriterType): ColumnType {
  if (isAlwaysNull(type)) return nullableType({ ...stringType, isAlwaysNull: true });
  if (isJsonText(type)) return type.kind === 'union' ? orNull(type, stringType) : stringType;
  switch (type.kind) {
    case 'union':
      return orNull(type, scalarUnion(type));
    case 'array':
      return arrayType(innerType(type.items));
    case 'map':
      return mapType(stringType, innerType(type.values));
    case 'record':
      return tupleType(membersOf(type).map((field) => ({ name: field.name, type: innerType(field.type) })));
    default:
      return scalarColumn(type);
  }
}

function orNull(type: UnionType, column: ColumnType): ColumnType {
  return splitUnion(type).nullIndex === undefined ? column : nullableType(column);
}

function scalarUnion(type: UnionType): ColumnType {
  const { values } = splitUnion(type);
  const [first, ...others] = values;
  if (first !== undefined && others.length === 0) return innerType(first.type);
  const columns = values.map((branch) => scalarColumn(branch.type));
  const members = new Map(columns.map((member) => [member.text, member]));
  if (members.has('Int64')) members.delete('Int32');
  if (members.has('Float64')) members.delete('Float32');
  const [one = stringType, ...more] = members.values();
  if (more.length === 0) return one.text === 'String' ? stringType : one;
  if (members.size > MAX_VARIANT_MEMBERS) return stringType;
  // A String for several kinds of text must not carry the description of one kind.
  return variantType([...members.values()].map((member) => (member.text === 'String' ? stringType : member)));
}

function scalarColumn(type: WriterType): ColumnType {
  switch (type.kind) {
    case 'boolean':
      return scalarType('Bool');
    case 'int':
    case 'time-millis':
      return scalarType('Int32');
    case 'long':
    case 'time-micros':
      return scalarType('Int64');
    case 'float':
      return scalarType('Float32');
    case 'double':
      return scalarType('Float64');
    case 'date':
      return scalarType('Date32');
    case 'timestamp':
      return dateTime64Type(type.digits, 'UTC');
    case 'uuid':
      return scalarType('UUID');
    case 'decimal':
      // Wider decimals are stored as exact text.
      return type.precision <= MAX_DECIMAL_DIGITS ? decimalType(type.precision, type.scale) : stringType;
    case 'json':
      return type.isOpen ? { ...stringType, isOpenObject: true } : stringType;
    case 'enum':
      return { ...stringType, symbols: type.symbols };
    case 'fixed':
      return { ...stringType, bytes: type.bytes };
    default:
      return stringType;
  }
}
