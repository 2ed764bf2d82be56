import { literal, quoted } from '../../core/clickhouse/client.ts';

/** The types without parameters. */
export const scalarNames = [
  'String',
  'Int64',
  'Int32',
  'Float64',
  'Bool',
  'Date32',
  'Float32',
  'UUID',
  'Int8',
  'Int16',
  'UInt8',
  'UInt16',
  'UInt32',
  'UInt64',
  'UInt128',
  'Date',
] as const;
export type ScalarName = (typeof scalarNames)[number];

/** A supported column type. `text` is its SQL: as the server prints it, if the column exists. */
export type ColumnType =
  | StringType
  | { readonly kind: 'scalar'; readonly text: string; readonly name: Exclude<ScalarName, 'String'> }
  | { readonly kind: 'fixedString'; readonly text: string; readonly bytes: number }
  | { readonly kind: 'dateTime'; readonly text: string; readonly zone: string | undefined }
  | {
      readonly kind: 'dateTime64';
      readonly text: string;
      readonly digits: number;
      readonly zone: string | undefined;
    }
  | { readonly kind: 'decimal'; readonly text: string; readonly precision: number; readonly scale: number }
  | EnumType
  | { readonly kind: 'nullable'; readonly text: string; readonly inner: ColumnType }
  | { readonly kind: 'lowCardinality'; readonly text: string; readonly inner: ColumnType }
  | { readonly kind: 'array'; readonly text: string; readonly item: ColumnType }
  | { readonly kind: 'map'; readonly text: string; readonly key: ColumnType; readonly value: ColumnType }
  | { readonly kind: 'tuple'; readonly text: string; readonly members: readonly Column[] }
  | { readonly kind: 'variant'; readonly text: string; readonly members: readonly ColumnType[] };

/** A String. The optional fields describe the values that a schema stores in it. */
export interface StringType {
  readonly kind: 'scalar';
  readonly text: string;
  readonly name: 'String';
  /** Symbols of an enum. */
  readonly symbols?: readonly string[];
  /** Size of a fixed. */
  readonly bytes?: number;
  /** The schema has no values except null. */
  readonly isAlwaysNull?: true;
  /** JSON text of an open object. */
  readonly isOpenObject?: true;
}

export interface EnumType {
  readonly kind: 'enum';
  readonly text: string;
  readonly bits: 8 | 16;
  /** Symbols with their numbers, in the order of the numbers. */
  readonly values: readonly (readonly [symbol: string, value: number])[];
}

/** A column of a table, or a member of a tuple. */
export interface Column {
  readonly name: string;
  readonly type: ColumnType;
}

export const stringType: StringType = { kind: 'scalar', text: 'String', name: 'String' };

export function scalarType(name: ScalarName): ColumnType {
  return { kind: 'scalar', text: name, name };
}

export function fixedStringType(bytes: number): ColumnType {
  return { kind: 'fixedString', text: `FixedString(${bytes})`, bytes };
}

export function dateTimeType(zone: string | undefined): ColumnType {
  return { kind: 'dateTime', text: zone === undefined ? 'DateTime' : `DateTime(${literal(zone)})`, zone };
}

/** @param digits decimal places of a second, 0 to 9. */
export function dateTime64Type(digits: number, zone: string | undefined): ColumnType {
  const text = zone === undefined ? `DateTime64(${digits})` : `DateTime64(${digits}, ${literal(zone)})`;
  return { kind: 'dateTime64', text, digits, zone };
}

/** @param precision 1 to 76. */
export function decimalType(precision: number, scale: number): ColumnType {
  return { kind: 'decimal', text: `Decimal(${precision}, ${scale})`, precision, scale };
}

export function enumType(bits: 8 | 16, values: EnumType['values']): EnumType {
  const inOrder = [...values].sort(([, a], [, b]) => a - b);
  const list = inOrder.map(([symbol, value]) => `${literal(symbol)} = ${value}`).join(', ');
  return { kind: 'enum', text: `Enum${bits}(${list})`, bits, values: inOrder };
}

/**
 * Returns the type for the same values and null. A null Tuple is a Tuple of nulls, at any depth,
 * since Nullable(Tuple) is experimental in ClickHouse. A null array or map is empty. The null of an
 * open object is the JSON text `null`, since functions such as JSONExtractKeys reject a Nullable.
 */
export function nullableType(inner: ColumnType): ColumnType {
  switch (inner.kind) {
    case 'nullable':
    case 'array':
    case 'map':
    case 'variant':
      return inner;
    case 'scalar':
      return inner.name === 'String' && inner.isOpenObject ? inner : asNullable(inner);
    case 'tuple':
      return tupleType(inner.members.map(({ name, type }) => ({ name, type: nullableType(type) })));
    case 'lowCardinality':
      return lowCardinalityType(nullableType(inner.inner));
    default:
      return asNullable(inner);
  }
}

function asNullable(inner: ColumnType): ColumnType {
  return { kind: 'nullable', text: `Nullable(${inner.text})`, inner };
}

export function lowCardinalityType(inner: ColumnType): ColumnType {
  return { kind: 'lowCardinality', text: `LowCardinality(${inner.text})`, inner };
}

export function arrayType(item: ColumnType): ColumnType {
  return { kind: 'array', text: `Array(${item.text})`, item };
}

export function mapType(key: ColumnType, value: ColumnType): ColumnType {
  return { kind: 'map', text: `Map(${key.text}, ${value.text})`, key, value };
}

export function tupleType(members: readonly Column[]): ColumnType {
  const list = members.map((member) => `${quoted(member.name)} ${member.type.text}`).join(', ');
  return { kind: 'tuple', text: `Tuple(${list})`, members };
}

/** Returns a Variant. RowBinary numbers its members in the byte order of their names. */
export function variantType(members: readonly ColumnType[]): ColumnType {
  const byText = new Map(members.map((member) => [member.text, member]));
  const sorted = [...byText.values()].sort((a, b) =>
    Buffer.compare(Buffer.from(a.text), Buffer.from(b.text)),
  );
  return { kind: 'variant', text: `Variant(${sorted.map(({ text }) => text).join(', ')})`, members: sorted };
}

/** Returns the type inside LowCardinality and Nullable, and whether it may be null. */
export function bareType(type: ColumnType): { readonly isNullable: boolean; readonly bare: ColumnType } {
  if (type.kind === 'lowCardinality') return bareType(type.inner);
  if (type.kind === 'nullable') return { isNullable: true, bare: type.inner };
  return { isNullable: type.kind === 'variant', bare: type };
}
