import type { JsonValue } from '../../core/json.ts';

/** An Avro type with resolved names and logical types. Each logical type is a kind of its own. */
export type WriterType =
  | { readonly kind: 'null' | 'boolean' | 'int' | 'long' | 'float' | 'double' | 'string' | 'bytes' }
  /** In a string: JSON text. With `isOpen`, an open object, whose null is the text `null`. */
  | { readonly kind: 'json'; readonly isOpen?: true }
  /** In an int: days since 1970. */
  | { readonly kind: 'date' }
  /** In an int: milliseconds since midnight. */
  | { readonly kind: 'time-millis' }
  /** In a long: microseconds since midnight. */
  | { readonly kind: 'time-micros' }
  /** In a long: ticks since 1970; 10^digits ticks are a second. */
  | { readonly kind: 'timestamp'; readonly digits: 3 | 6 | 9 }
  /** In a string, or in a fixed of 16 bytes. */
  | { readonly kind: 'uuid'; readonly isText: boolean }
  | DecimalType
  | { readonly kind: 'enum'; readonly symbols: readonly string[] }
  | { readonly kind: 'fixed'; readonly bytes: number }
  | { readonly kind: 'array'; readonly items: WriterType }
  | { readonly kind: 'map'; readonly values: WriterType }
  | RecordType
  | UnionType;

/** In bytes or a fixed: the number times 10^scale as a big-endian two's complement. */
export interface DecimalType {
  readonly kind: 'decimal';
  readonly precision: number;
  readonly scale: number;
  readonly fixedBytes: number | undefined;
}

export interface RecordType {
  readonly kind: 'record';
  readonly fields: readonly WriterField[];
  /** Whether the record contains itself, directly or through other records. */
  readonly isRecursive: boolean;
}

export interface UnionType {
  readonly kind: 'union';
  readonly branches: readonly WriterType[];
}

export interface WriterField {
  readonly name: string;
  readonly type: WriterType;
  readonly doc?: string;
  /** The declared default: the value of the field in messages whose schema lacks it. */
  readonly default?: JsonValue;
}

/** A schema with which messages of a topic were written. */
export interface WriterSchema {
  readonly name: string;
  readonly doc?: string;
  /** The fields of the message key, in order; undefined if the schema declares none. */
  readonly primaryKey: readonly string[] | undefined;
  readonly fields: readonly WriterField[];
}

/**
 * Returns the index of null, and the other branches with their indexes. Any other type counts as a
 * union with one branch.
 */
export function splitUnion(type: WriterType): {
  readonly nullIndex: number | undefined;
  readonly values: readonly { readonly index: number; readonly type: WriterType }[];
} {
  if (type.kind !== 'union') return { nullIndex: undefined, values: [{ index: 0, type }] };
  const all = type.branches.map((branch, index) => ({ index, type: branch }));
  const nullIndex = all.find((branch) => branch.type.kind === 'null')?.index;
  return { nullIndex, values: all.filter(({ index }) => index !== nullIndex) };
}

/**
 * Returns a record's fields under the names of their Tuple members. A field named `null` is renamed,
 * because ClickHouse reserves that name.
 */
export function membersOf({ fields }: RecordType): readonly WriterField[] {
  if (!fields.some(({ name }) => name === 'null')) return fields;
  let free = 'null_';
  while (fields.some(({ name }) => name === free)) free += '_';
  return fields.map((field) => (field.name === 'null' ? { ...field, name: free } : field));
}

export function isAlwaysNull(type: WriterType): boolean {
  return type.kind === 'null' || (type.kind === 'union' && splitUnion(type).values.length === 0);
}

/** Returns whether values are open objects as JSON text, whose null is the text `null`. */
export function isOpenObject(type: WriterType): boolean {
  const [only, ...others] = splitUnion(type).values;
  return others.length === 0 && only?.type.kind === 'json' && only.type.isOpen === true;
}

/**
 * Returns whether values become JSON text. ClickHouse has no recursive type and no Tuple without
 * members. A union with a record, array or map could be a Variant, but the full text of a type
 * identifies a member of a Variant, so a new field of the record would create another member.
 */
export function isJsonText(type: WriterType): boolean {
  if (type.kind === 'record') return type.isRecursive || type.fields.length === 0;
  if (type.kind !== 'union') return false;
  const { values } = splitUnion(type);
  const [first] = values;
  if (values.length === 1 && first !== undefined) return isJsonText(first.type);
  return values.some(({ type: { kind } }) => kind === 'record' || kind === 'array' || kind === 'map');
}

const knownMinBytes = new WeakMap<WriterType, number>();

/** Returns a lower bound for the size of a value in bytes; 0 only if every value is empty. */
export function minBytesOf(type: WriterType): number {
  const bytes = knownMinBytes.get(type) ?? countMinBytes(type);
  knownMinBytes.set(type, bytes);
  return bytes;
}

function countMinBytes(type: WriterType): number {
  switch (type.kind) {
    case 'null':
      return 0;
    case 'float':
      return 4;
    case 'double':
      return 8;
    case 'fixed':
      return type.bytes;
    case 'uuid':
      return type.isText ? 1 : 16;
    case 'decimal':
      return type.fixedBytes ?? 1;
    case 'record':
      // Ends the recursion. Such a record contains itself in a union, list or map, which takes a byte.
      return type.isRecursive ? 1 : type.fields.reduce((sum, field) => sum + minBytesOf(field.type), 0);
    default:
      return 1;
  }
}
