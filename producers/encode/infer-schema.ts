import type { AvroField, AvroValueType, StreamSchema } from '../../core/avro/schema.ts';
import { UnexpectedAnswerError } from '../../core/errors.ts';
import type { JsonObject, JsonValue } from '../../core/json.ts';
import { kindOf, typeOfKind } from './drift.ts';
import { fieldNameOf } from '../../core/avro/field-name.ts';
import { parseDate, parseInstant } from './instant.ts';
import { integerOfText, isInt64 } from './scalar-encoder.ts';

interface InferOptions {
  readonly name: string;
  /** The fields of the message key in order, spelled as in the source or as fields. */
  readonly primaryKey: readonly string[];
  /** The records of the first pages. */
  readonly records: readonly JsonObject[];
}

type Value = NonNullable<JsonValue>;

/** Integers and fractions share a field. Other kinds never share one. */
type Family = 'string' | 'number' | 'bool' | 'json';

/**
 * Returns a schema for a stream without a schema file, inferred from a sample of its records: the
 * key, then every field that has a value, nullable and in order of appearance. Objects and arrays
 * are JSON text. Values in the sample or in later records that do not fit are drift. Without
 * records, the schema contains only the key fields, as strings.
 *
 * @throws UnexpectedAnswerError if no record of the sample has a value that fits a key field.
 */
export function inferSchema({ name, primaryKey, records }: InferOptions): StreamSchema {
  const valuesOf = sampleOf(records);
  const keyNames = [...new Set(primaryKey.map(fieldNameOf))];
  const keyFields = keyNames.map((field): AvroField => {
    const type = records.length === 0 ? 'string' : keyTypeOf(valuesOf.get(field) ?? []);
    if (type !== undefined) return { name: field, type };
    throw new UnexpectedAnswerError(
      `${name}: no record of the first pages has a string or an integer in ${field}, a field of its primary key: ` +
        'check `primaryKey` in CONFIG_FILE',
    );
  });
  const others = [...valuesOf].filter(([field]) => !keyNames.includes(field));
  return {
    type: 'record',
    name: primitives.test(name) ? `${name}_` : name,
    namespace: 'chartmogul',
    doc: 'Inferred from the first pages of the source.',
    primaryKey: keyNames,
    fields: [
      ...keyFields,
      ...others.map(([field, values]): AvroField => {
        return { name: field, type: ['null', typeOf(values)], default: null };
      }),
    ],
  };
}

/** Avro reserves these names in every namespace, so `_` is appended to such a record name. */
const primitives = /^(null|boolean|int|long|float|double|bytes|string)$/;

/**
 * Returns the non-null values that the encoder would put into each field, in order of first
 * appearance.
 */
function sampleOf(records: readonly JsonObject[]): Map<string, Value[]> {
  const sample = new Map<string, Value[]>();
  for (const record of records) {
    const chosen = new Map<string, { key: string; value: Value }>();
    for (const key of Object.keys(record)) {
      const value = record[key] ?? null;
      if (value === null) continue;
      const field = fieldNameOf(key);
      const rival = chosen.get(field)?.key;
      // The encoder prefers the key spelled like the field, else the first by name.
      const isFirst = rival === undefined || key === field || (rival !== field && key < rival);
      if (isFirst) chosen.set(field, { key, value });
    }
    for (const [field, { value }] of chosen) {
      const values = sample.get(field) ?? [];
      sample.set(field, values);
      values.push(value);
    }
  }
  return sample;
}

/** Ignores blanks: in a field that is not text, a blank means that there is no value. */
function typeOf(sample: readonly Value[]): AvroValueType {
  const [first, ...rest] = sample.filter((value) => value !== '');
  if (first === undefined) return 'string';
  const family = familyOf(first);
  const values = [first, ...rest.filter((value) => familyOf(value) === family)];
  if (family === 'string') return textTypeOf(values);
  if (family !== 'number') return typeOfKind[family];
  return values.every((value) => kindOf(value) === 'long') ? 'long' : 'double';
}

/** Returns undefined if no value of the sample can be a key. */
function keyTypeOf(sample: readonly Value[]): AvroValueType | undefined {
  const usable = sample.filter((value) => typeof value === 'string' || kindOf(value) === 'long');
  if (usable.length === 0) return undefined;
  const texts = usable.filter((value) => typeof value === 'string');
  if (texts.every(isIntegerText) && texts.length < usable.length) return 'long';
  const type = textTypeOf(texts.filter((text) => text !== ''));
  return type !== 'string' && type.logicalType === 'date' ? type : 'string';
}

function textTypeOf(values: readonly Value[]) {
  const isAll = (test: (text: string) => boolean) =>
    values.length > 0 && values.every((value) => typeof value === 'string' && test(value));
  if (isAll(isDateText)) return { type: 'int', logicalType: 'date' } as const;
  if (isAll((text) => parseInstant(text) !== undefined))
    return { type: 'long', logicalType: 'timestamp-millis' } as const;
  return 'string';
}

/** Rejects an instant at midnight, because later values may have other times. */
function isDateText(text: string): boolean {
  return text.length === 'YYYY-MM-DD'.length && parseDate(text) !== undefined;
}

function isIntegerText(text: string): boolean {
  const integer = integerOfText(text);
  return text === '' || (integer !== undefined && isInt64(integer));
}

function familyOf(value: Value): Family {
  const kind = kindOf(value);
  return kind === 'long' || kind === 'double' ? 'number' : kind;
}
