import {
  splitNullable,
  type AvroArray,
  type AvroField,
  type AvroRecord,
  type AvroType,
  type AvroValueType,
  type StreamSchema,
} from '../../core/avro/schema.ts';
import { ByteWriter } from '../../core/byte-writer.ts';
import { UnkeyedRecordError } from '../../core/errors.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { kindOf, variantFieldOf, type Drift } from './drift.ts';
import { fieldNameOf } from './field-name.ts';
import { integerOfText, isBlank, scalarEncoder, type ValueEncoder } from './scalar-encoder.ts';

/** A record in Avro's binary form and its key, or what the schema lacks to take the record whole. */
export type Encoded =
  | { readonly key: string; readonly avro: ByteWriter; readonly drifts?: undefined }
  | { readonly drifts: readonly Drift[] };

/** The values of one record, by the index of their field. */
interface Slots {
  readonly names: ReadonlyMap<string, number>;
  readonly values: (JsonValue | undefined)[];
  readonly path: readonly string[];
}

/**
 * Encodes the records of a stream by one schema, straight from parsed JSON to Avro bytes. Nothing is dropped: a key or a
 * value that the schema cannot take is reported as drift, and the caller encodes again with the evolved schema.
 */
export class RecordEncoder {
  readonly schema: StreamSchema;
  readonly #out = new ByteWriter();
  readonly #encode: ValueEncoder;
  readonly #keyFields: readonly AvroField[];
  #drifts: Drift[] = [];

  constructor(schema: StreamSchema) {
    this.schema = schema;
    this.#encode = this.#recordEncoder(schema, []);
    this.#keyFields = schema.primaryKey.flatMap(
      (name) => schema.fields.find((field) => field.name === name) ?? [],
    );
  }

  /**
   * The bytes are valid until the next call.
   *
   * @throws UnkeyedRecordError when a field of the primary key is absent, null or of another type.
   */
  encode(record: JsonObject): Encoded {
    this.#out.truncate(0);
    this.#drifts = [];
    this.#encode(record, this.#out);
    if (this.#drifts.length > 0) return { drifts: this.#drifts };
    return { key: this.#keyOf(record), avro: this.#out };
  }

  #keyOf(record: JsonObject): string {
    return this.#keyFields
      .map(({ name, type }) => keyText(type, record[name] ?? valueByName(record, name)))
      .join('|');
  }

  #recordEncoder(schema: AvroRecord, path: readonly string[]): ValueEncoder {
    const fields = schema.fields.map(({ name, type }) => {
      const { isNullable, valueType } = splitNullable(type);
      return { name, valueType, isNullable, encode: this.#valueEncoder(valueType, [...path, name]) };
    });
    const names = new Map(schema.fields.map(({ name }, index) => [name, index]));
    const exactNames = new Map(
      schema.fields.flatMap(({ name, aliases = [] }, index) =>
        [name, ...aliases].map((key) => [key, index] as const),
      ),
    );

    return (record, out) => {
      if (!isJsonObject(record)) return false;
      const values = new Array<JsonValue | undefined>(fields.length);
      const slots: Slots = { names, values, path };
      const others: [key: string, value: NonNullable<JsonValue>][] = [];
      for (const key of Object.keys(record)) {
        const value = record[key] ?? null;
        if (value === null) continue;
        const index = exactNames.get(key);
        if (index !== undefined && values[index] === undefined) values[index] = value;
        else others.push([key, value]);
      }
      // Spelled otherwise than their fields. Sorted, so that the order of the keys never decides which of two gets the field.
      for (const [key, value] of others.sort(([a], [b]) => (a < b ? -1 : 1))) {
        this.#place(slots, fieldNameOf(key), value);
      }
      for (const [index, field] of fields.entries()) {
        const value = values[index];
        const isAbsent = value === undefined || value === null || isBlankFor(field.valueType, value);
        if (!field.isNullable) {
          if (isAbsent || !field.encode(value, out)) throw unkeyed(path, field.name);
          continue;
        }
        const start = out.length;
        out.byte(isAbsent ? 0 : 2);
        if (isAbsent || field.encode(value, out)) continue;
        out.truncate(start);
        out.byte(0);
        this.#place(slots, variantFieldOf(field.name, kindOf(value)), value, index);
      }
      return true;
    };
  }

  /**
   * Puts a value into the field of that name; where it is taken, under the name with `_` behind it, and so on; where there is
   * none, it is drift. Only fields behind `after` are still to be encoded: variant fields are appended to the schema, so they
   * come after the field whose misfits they take.
   */
  #place(slots: Slots, name: string, value: NonNullable<JsonValue>, after = -1): void {
    const { names, values, path } = slots;
    let free = name;
    for (let index = names.get(free); index !== undefined; index = names.get(free)) {
      if (index > after && values[index] === undefined) {
        values[index] = value;
        return;
      }
      free += '_';
    }
    this.#drifts.push({ path, name: free, kind: kindOf(value) });
  }

  #valueEncoder(type: AvroValueType, path: readonly string[]): ValueEncoder {
    if (typeof type === 'string') return scalarEncoder(type);
    if (type.type === 'record') return this.#recordEncoder(type, path);
    return type.type === 'array' ? this.#arrayEncoder(type, path) : scalarEncoder(type);
  }

  /** An array fits as a whole or not at all: one item of another type makes the array a misfit. */
  #arrayEncoder(type: AvroArray, path: readonly string[]): ValueEncoder {
    const encodeItem = this.#itemEncoder(type.items, path);
    return (array, out) => {
      if (!Array.isArray(array)) return false;
      if (array.length > 0) out.zigZag(array.length);
      if (!array.every((item) => encodeItem(item, out))) return false;
      out.byte(0);
      return true;
    };
  }

  #itemEncoder(type: AvroType, path: readonly string[]): (item: JsonValue, out: ByteWriter) => boolean {
    const { isNullable, valueType } = splitNullable(type);
    const encode = this.#valueEncoder(valueType, path);
    return (item, out) => {
      const isAbsent = item === null || isBlankFor(valueType, item);
      if (!isNullable) return !isAbsent && encode(item, out);
      out.byte(isAbsent ? 0 : 2);
      return isAbsent || encode(item, out);
    };
  }
}

function isBlankFor(type: AvroValueType, value: JsonValue): boolean {
  if (value !== '') return false;
  return typeof type === 'string' || (type.type !== 'array' && type.type !== 'record')
    ? isBlank(type, value)
    : false;
}

/** One text for each value of a key, however the source spells it: `5`, `"5"` and `"5.0"` are the same integer. */
function keyText(type: AvroType, value: JsonValue | undefined): string {
  if (typeof value !== 'string')
    return typeof value === 'number' || typeof value === 'bigint' ? String(value) : '';
  if (type === 'string') return value;
  return type === 'long' ? String(integerOfText(value)) : value.slice(0, 'YYYY-MM-DD'.length);
}

function valueByName(record: JsonObject, name: string): JsonValue | undefined {
  const key = Object.keys(record).find((candidate) => fieldNameOf(candidate) === name);
  return key === undefined ? undefined : record[key];
}

function unkeyed(path: readonly string[], name: string): UnkeyedRecordError {
  return new UnkeyedRecordError(
    `a record without a usable ${[...path, name].join('.')}, which its key needs`,
  );
}
