import type { AvroField, AvroType, StreamSchema } from '../../core/avro/schema.ts';
import { UnkeyedRecordError } from '../../core/errors.ts';
import type { JsonObject, JsonValue } from '../../core/json.ts';
import { wellFormed } from '../../core/well-formed.ts';
import { fieldNameOf } from '../../core/avro/field-name.ts';
import { parseDate } from './instant.ts';
import { isSameOrder } from './record-hash.ts';
import { integerOfText, isInt64 } from './scalar-encoder.ts';

/**
 * The non-null values of a record. The first value whose source key is the name or an alias of a
 * field is in `values`, by field index; all others are in `others`.
 */
export interface Found {
  readonly values: (JsonValue | undefined)[];
  /** The source key of each value. */
  readonly keys: (string | undefined)[];
  readonly others: readonly (readonly [key: string, value: NonNullable<JsonValue>])[];
}

/** Maps source keys to the fields of a schema. */
export class FieldFinder {
  readonly #count: number;
  readonly #exactNames: ReadonlyMap<string, number>;
  #lastNames: readonly string[] = [];
  #lastIndexes: readonly (number | undefined)[] = [];

  constructor(fields: readonly AvroField[]) {
    this.#count = fields.length;
    const names = fields.map(({ name, aliases = [] }) => [name, ...aliases]);
    this.#exactNames = new Map(names.flatMap((keys, index) => keys.map((key) => [key, index] as const)));
  }

  has(key: string): boolean {
    return this.#exactNames.has(key) || this.#exactNames.has(fieldNameOf(key));
  }

  /**
   * Remembers the last result, because most records of a list have the same keys in the same order.
   */
  #indexesOf(names: readonly string[]): readonly (number | undefined)[] {
    if (!isSameOrder(names, this.#lastNames)) {
      this.#lastNames = names;
      this.#lastIndexes = names.map((name) => this.#exactNames.get(name));
    }
    return this.#lastIndexes;
  }

  find(record: JsonObject): Found {
    const values = new Array<JsonValue | undefined>(this.#count);
    const keys = new Array<string | undefined>(this.#count);
    const others: [key: string, value: NonNullable<JsonValue>][] = [];
    const names = Object.keys(record);
    const indexes = this.#indexesOf(names);
    for (let at = 0; at < names.length; at++) {
      const key = names[at] as string;
      const value = record[key] ?? null;
      if (value === null) continue;
      const index = indexes[at];
      if (index !== undefined && values[index] === undefined) {
        values[index] = value;
        keys[index] = key;
      } else {
        others.push([key, value]);
      }
    }
    // Sorted, so that the order of these keys does not decide which of two gets a field.
    if (others.length > 1) others.sort(([a], [b]) => (a < b ? -1 : 1));
    return { values, keys, others };
  }
}

interface KeyPart {
  readonly name: string;
  readonly type: AvroType;
  readonly index: number;
  readonly hasAliases: boolean;
}

/** Reads the message key of a record without encoding the record. */
export class KeyReader {
  readonly #finder: FieldFinder;
  readonly #fields: readonly KeyPart[];

  constructor(schema: StreamSchema) {
    this.#finder = new FieldFinder(schema.fields);
    this.#fields = schema.primaryKey.flatMap((key) => {
      const index = schema.fields.findIndex(({ name }) => name === key);
      const field = schema.fields[index];
      return field === undefined ? [] : { ...field, index, hasAliases: field.aliases !== undefined };
    });
  }

  /**
   * Returns the values of the key fields, joined by `|`.
   *
   * @throws UnkeyedRecordError if a field of the primary key is absent, null or of another type.
   * Blank text does not fit a number or a date.
   */
  keyOf(record: JsonObject): string {
    const [only, ...others] = this.#fields;
    if (only !== undefined && others.length === 0) return this.#partOf(record, only);
    return this.#fields.map((field) => this.#partOf(record, field)).join('|');
  }

  #partOf(record: JsonObject, { name, type, index, hasAliases }: KeyPart): string {
    // Nearly every record spells its key as the schema does, so no other field has to be read.
    const own = !hasAliases && Object.hasOwn(record, name) ? (record[name] ?? null) : null;
    if (own !== null) return keyText(name, type, own);
    const found = this.#finder.find(record);
    const value = found.values[index] ?? found.others.find(([key]) => fieldNameOf(key) === name)?.[1];
    return keyText(name, type, value);
  }
}

export function unkeyed(field: string): UnkeyedRecordError {
  return new UnkeyedRecordError(`the record has no usable ${field}, a field of its primary key`);
}

/** Returns the same text for every spelling of a value: `5`, `"5"` and `"5.0"` are one integer. */
function keyText(name: string, type: AvroType, value: JsonValue | undefined): string {
  const text = type === 'long' ? longText(value) : typeof value === 'string' ? wellFormed(value) : undefined;
  const isUnfit = text === undefined || (typeof type === 'object' && parseDate(text) === undefined);
  if (isUnfit) throw unkeyed(name);
  return typeof type === 'object' ? text.slice(0, 'YYYY-MM-DD'.length) : text;
}

function longText(value: JsonValue | undefined): string | undefined {
  const integer = typeof value === 'string' ? integerOfText(value) : value;
  if (typeof integer === 'bigint') return isInt64(integer) ? String(integer) : undefined;
  return typeof integer === 'number' && Number.isSafeInteger(integer) ? String(integer) : undefined;
}
