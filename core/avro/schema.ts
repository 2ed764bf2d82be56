/**
 * Avro schemas as JSON, in the shapes that this project writes: scalars, arrays, and records, whose
 * optional fields are unions with null. `logicalType: "json"` marks a string that contains JSON.
 */
export type AvroScalar = 'string' | 'long' | 'int' | 'double' | 'boolean';

export interface AvroLogical {
  readonly type: 'string' | 'long' | 'int';
  readonly logicalType: 'json' | 'timestamp-millis' | 'date';
}

export interface AvroArray {
  readonly type: 'array';
  readonly items: AvroType;
}

export interface AvroRecord {
  readonly type: 'record';
  readonly name: string;
  readonly namespace?: string;
  readonly doc?: string;
  /** Only in the top-level record: the fields whose values form the message key, in order. */
  readonly primaryKey?: readonly string[];
  readonly fields: readonly AvroField[];
}

export type AvroValueType = AvroScalar | AvroLogical | AvroArray | AvroRecord;
export type AvroType = AvroValueType | readonly ['null', AvroValueType];

export interface AvroField {
  readonly name: string;
  readonly type: AvroType;
  readonly default?: null;
  readonly doc?: string;
  /** Other names that the source uses for the field. */
  readonly aliases?: readonly string[];
}

/** The record schema of a stream, which always has a primary key. */
export type StreamSchema = AvroRecord & { readonly primaryKey: readonly string[] };

/** Columns that every storage table has for its own use. No field may have such a name. */
export const systemColumnNames = [
  '_version',
  '_deleted',
  '_partition',
  '_offset',
  '_timestamp',
  '_schema_id',
  '_topic_id',
] as const;
export type SystemColumnName = (typeof systemColumnNames)[number];

export function isSystemColumnName(name: string): name is SystemColumnName {
  return systemColumnNames.some((systemName) => systemName === name);
}

/** Returns the type without its null branch, and whether it had one. */
export function splitNullable(type: AvroType): { isNullable: boolean; valueType: AvroValueType } {
  return isNullableType(type)
    ? { isNullable: true, valueType: type[1] }
    : { isNullable: false, valueType: type };
}

function isNullableType(type: AvroType): type is readonly ['null', AvroValueType] {
  return Array.isArray(type);
}

/**
 * Returns the record in a field's type, also inside a nullable type or an array; undefined if there
 * is none.
 */
export function recordWithin(type: AvroType): AvroRecord | undefined {
  const { valueType } = splitNullable(type);
  if (typeof valueType === 'string') return undefined;
  if (valueType.type === 'array') return recordWithin(valueType.items);
  return valueType.type === 'record' ? valueType : undefined;
}

/** Returns the type with `record` in place of the record that {@link recordWithin} returns. */
export function withRecordWithin(type: AvroType, record: AvroRecord): AvroType {
  const { isNullable, valueType } = splitNullable(type);
  if (typeof valueType === 'string') return type;
  let inner: AvroValueType = valueType;
  if (valueType.type === 'array') inner = { ...valueType, items: withRecordWithin(valueType.items, record) };
  if (valueType.type === 'record') inner = record;
  return isNullable ? ['null', inner] : inner;
}
