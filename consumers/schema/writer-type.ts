import type { JsonValue } from '../../core/json.ts';

/**
 * The types of a writer's schema with everything resolved that a reader of bytes needs: names, namespaces, logical types.
 * A logical type is a kind of its own; in the bytes it is what its line says.
 */
export type WriterType =
  | { readonly kind: 'null' | 'boolean' | 'int' | 'long' | 'float' | 'double' | 'string' | 'bytes' }
  /** In a string: JSON text; of an open object, whose null is the text `null`. */
  | { readonly kind: 'json'; readonly isOpen?: true }
  /** In an int: days since 1970. */
  | { readonly kind: 'date' }
  /** In an int: milliseconds since midnight. */
  | { readonly kind: 'time-millis' }
  /** In a long: microseconds since midnight. */
  | { readonly kind: 'time-micros' }
  /** In a long: ticks since 1970, of which a second has 10^digits. */
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

/** In bytes, or in a fixed of so many: the number times 10^scale as a big-endian two's complement. */
export interface DecimalType {
  readonly kind: 'decimal';
  readonly precision: number;
  readonly scale: number;
  readonly fixedBytes: number | undefined;
}

export interface RecordType {
  readonly kind: 'record';
  readonly fields: readonly WriterField[];
  /** Whether it contains itself, directly or through other records. */
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
  /** As JSON: what the field holds in messages of schemas without it. Undefined where the schema declares none. */
  readonly default?: JsonValue;
}

/** The schema that the messages of a topic were written with. */
export interface WriterSchema {
  readonly name: string;
  readonly doc?: string;
  /** The fields whose values make the message key, in order; undefined where the schema does not say. */
  readonly primaryKey: readonly string[] | undefined;
  readonly fields: readonly WriterField[];
}

/** A branch of a union other than null, with its place. */
export interface ValueBranch {
  readonly index: number;
  readonly type: WriterType;
}

/** The branches beside null, and where null stands; a type that is no union is its own only branch. */
export function splitUnion(type: WriterType): {
  readonly nullIndex: number | undefined;
  readonly values: readonly ValueBranch[];
} {
  if (type.kind !== 'union') return { nullIndex: undefined, values: [{ index: 0, type }] };
  const all = type.branches.map((branch, index) => ({ index, type: branch }));
  const nullIndex = all.find((branch) => branch.type.kind === 'null')?.index;
  return { nullIndex, values: all.filter(({ index }) => index !== nullIndex) };
}

/** The fields of a record by the names of their Tuple members: ClickHouse keeps the name `null` for itself. */
export function membersOf({ fields }: RecordType): readonly WriterField[] {
  if (!fields.some(({ name }) => name === 'null')) return fields;
  let free = 'null_';
  while (fields.some(({ name }) => name === free)) free += '_';
  return fields.map((field) => (field.name === 'null' ? { ...field, name: free } : field));
}

/** Whether null is the only value there is. */
export function isAlwaysNull(type: WriterType): boolean {
  return type.kind === 'null' || (type.kind === 'union' && splitUnion(type).values.length === 0);
}

/** Whether values are open objects as JSON text: the null of these is the text `null`. */
export function isOpenObject(type: WriterType): boolean {
  const [only, ...others] = splitUnion(type).values;
  return others.length === 0 && only?.type.kind === 'json' && only.type.isOpen === true;
}

/**
 * Whether values become JSON text. ClickHouse has no recursive type and no Tuple without members. A union with a record, an
 * array or a map in it could be a Variant, but one that is told apart by the whole text of a nested type: each field that such a
 * record gains would make it another member, and the values of before and after would stand in two of them.
 */
export function isJsonText(type: WriterType): boolean {
  if (type.kind === 'record') return type.isRecursive || type.fields.length === 0;
  if (type.kind !== 'union') return false;
  const { values } = splitUnion(type);
  const [first] = values;
  if (values.length === 1 && first !== undefined) return isJsonText(first.type);
  return values.some((branch) => isNested(branch.type));
}

function isNested({ kind }: WriterType): boolean {
  return kind === 'record' || kind === 'array' || kind === 'map';
}

const knownMinBytes = new WeakMap<WriterType, number>();

/** The fewest bytes that a value takes; 0 only where every value takes none. */
export function minBytesOf(type: WriterType): number {
  let bytes = knownMinBytes.get(type);
  if (bytes === undefined) {
    bytes = countMinBytes(type);
    knownMinBytes.set(type, bytes);
  }
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
      // What contains itself without a way out has no finite value: any number will do.
      return type.isRecursive ? 1 : type.fields.reduce((sum, field) => sum + minBytesOf(field.type), 0);
    default:
      return 1;
  }
}
