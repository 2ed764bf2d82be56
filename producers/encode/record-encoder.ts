import {
  splitNullable,
  type AvroArray,
  type AvroRecord,
  type AvroType,
  type AvroValueType,
  type StreamSchema,
} from '../../core/avro/schema.ts';
import { ByteWriter } from '../../core/avro/byte-writer.ts';
import { isJsonObject, isLosslessNumber, type JsonObject, type JsonValue } from '../../core/json.ts';
import type { KeyField } from '../chartmogul/find-records.ts';
import { kindOf, variantFieldOf, type Drift } from './drift.ts';
import { fieldNameOf } from '../../core/avro/field-name.ts';
import { FieldFinder, KeyReader, unkeyed, type Found } from './key-of.ts';
import type { Omission, Omissions } from './omissions.ts';
import { isBlank, scalarEncoder, type ValueEncoder } from './scalar-encoder.ts';

/** The bytes and key of a record, or the drift if the schema cannot hold the entire record. */
export type Encoded =
  | { readonly key: string; readonly avro: ByteWriter; readonly drifts?: undefined }
  | { readonly drifts: readonly Drift[] };

/** The values of one record, by field index. */
interface Slots extends Pick<Found, 'values' | 'keys'> {
  readonly record: JsonObject;
  readonly fields: readonly { readonly isNullable: boolean }[];
  readonly names: ReadonlyMap<string, number>;
  readonly path: readonly string[];
}

/**
 * Encodes parsed JSON records of a stream directly to Avro bytes of one schema. Reports values that
 * do not fit as drift, so that the caller can encode the record again with the evolved schema.
 */
export class RecordEncoder {
  readonly schema: StreamSchema;
  readonly #out = new ByteWriter();
  readonly #encode: ValueEncoder;
  readonly #keys: KeyReader;
  #drifts: Drift[] = [];
  /** The omissions of the current record, if the caller requested them. */
  #omissions: Map<JsonObject, Map<string, Omission>> | undefined;

  constructor(schema: StreamSchema) {
    this.schema = schema;
    this.#encode = this.#recordEncoder(schema, []);
    this.#keys = new KeyReader(schema);
  }

  /**
   * Encodes a record. The bytes are valid until the next call.
   *
   * @throws UnkeyedRecordError if a field of the key, or another field that must not be null, has
   * no value of its type.
   * @throws NestedTooDeeplyError
   */
  encode(record: JsonObject): Encoded {
    this.#omissions = undefined;
    const key = this.#encodeAll(record);
    return this.#drifts.length > 0 ? { drifts: this.#drifts } : { key, avro: this.#out };
  }

  /** Encodes like {@link encode}, but omits values that do not fit, and reports each of them. */
  encodeDiscarding(record: JsonObject) {
    const omissions: Omissions = (this.#omissions = new Map());
    const key = this.#encodeAll(record);
    return { key, avro: this.#out, discarded: this.#drifts, omissions };
  }

  #encodeAll(record: JsonObject): string {
    this.#out.truncate(0);
    this.#drifts = [];
    this.#encode(record, this.#out);
    return this.keyOf(record);
  }

  /** Returns the key without encoding the record. @throws UnkeyedRecordError like {@link encode} */
  keyOf(record: JsonObject): string {
    return this.#keys.keyOf(record);
  }

  /** Returns the key's field if there is only one and its JSON text determines the key. */
  get keyField(): KeyField | undefined {
    const [name, ...others] = this.schema.primaryKey;
    const field = this.schema.fields.find((one) => one.name === name);
    if (field === undefined || others.length > 0 || field.aliases !== undefined) return undefined;
    const { type } = field;
    return type === 'string' || type === 'long' ? { name: field.name, type } : undefined;
  }

  #recordEncoder(schema: AvroRecord, path: readonly string[]): ValueEncoder {
    const fields = schema.fields.map(({ name, type }) => {
      const { isNullable, valueType } = splitNullable(type);
      const encode = this.#valueEncoder(valueType, [...path, name]);
      return { name, isNullable, encode, mayBeBlank: isBlankFor(valueType, '') };
    });
    const names = new Map(schema.fields.map(({ name }, index) => [name, index]));
    const finder = new FieldFinder(schema.fields);

    return (record, out) => {
      if (!isJsonObject(record)) return false;
      const { values, keys, others } = finder.find(record);
      const slots: Slots = { record, fields, names, values, keys, path };
      this.#omitNulls(record, finder);
      for (const [key, value] of others) this.#place(slots, fieldNameOf(key), value, key);
      for (let index = 0; index < fields.length; index++) {
        const field = fields[index] as (typeof fields)[number];
        const value = values[index];
        const isAbsent = value === undefined || value === null || (value === '' && field.mayBeBlank);
        if (!field.isNullable) {
          if (isAbsent || !field.encode(value, out)) throw unkeyed([...path, field.name].join('.'));
          continue;
        }
        if (isAbsent) {
          out.byte(0);
          continue;
        }
        const start = out.length;
        const driftsBefore = this.#drifts.length;
        const omissionsBefore = this.#omissions?.size ?? 0;
        out.byte(2);
        if (field.encode(value, out)) continue;
        out.truncate(start);
        out.byte(0);
        // An array is omitted as a whole, so discard the drift of the items before the misfit.
        this.#drifts.length = driftsBefore;
        for (const inner of [...(this.#omissions?.keys() ?? [])].slice(omissionsBefore))
          this.#omissions?.delete(inner);
        // A number that no double reproduces keeps its digits as text.
        const misfit = isLosslessNumber(value) ? value.value : value;
        const variant = variantFieldOf(field.name, kindOf(misfit));
        this.#place(slots, variant, misfit, keys[index] ?? field.name, index);
      }
      return true;
    };
  }

  /**
   * Puts a value into the field of that name. If the field already has a value, tries the name with
   * `_` appended, and so on. Reports drift if there is no such field. Only fields after `after` are
   * not yet encoded: variant fields are appended to the schema, so they follow the field whose
   * misfits they store. A key field accepts only values with its own name.
   */
  #place(slots: Slots, name: string, value: NonNullable<JsonValue>, key: string, after = -1): void {
    const { record, fields, names, values, keys, path } = slots;
    let free = name;
    for (let index = names.get(free); index !== undefined; index = names.get(free)) {
      const isOpen = fields[index]?.isNullable === true || (after < 0 && free === name);
      if (isOpen && index > after && values[index] === undefined) {
        values[index] = value;
        keys[index] = key;
        return;
      }
      free += '_';
    }
    this.#drifts.push({ path, name: free, kind: kindOf(value) });
    this.#omissions?.get(record)?.set(key, after < 0 ? 'unknown' : 'misfit');
  }

  #omitNulls(record: JsonObject, finder: FieldFinder): void {
    if (this.#omissions === undefined) return;
    const nulls = Object.keys(record).filter((key) => (record[key] ?? null) === null);
    const kinds = nulls.map((key) => [key, finder.has(key) ? 'null' : 'unknown null'] as const);
    this.#omissions.set(record, new Map(kinds));
  }

  #valueEncoder(type: AvroValueType, path: readonly string[]): ValueEncoder {
    if (typeof type === 'string') return scalarEncoder(type);
    if (type.type === 'record') return this.#recordEncoder(type, path);
    return type.type === 'array' ? this.#arrayEncoder(type, path) : scalarEncoder(type);
  }

  /** Rejects an array as a whole if one item has another type. */
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
  if (typeof type === 'string') return isBlank(type, value);
  return type.type !== 'array' && type.type !== 'record' && isBlank(type, value);
}
