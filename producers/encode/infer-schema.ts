import type { AvroField, AvroValueType, StreamSchema } from '../../core/avro/schema.ts';
import { UnexpectedAnswerError } from '../../core/errors.ts';
import type { JsonObject, JsonValue } from '../../core/json.ts';
import { kindOf, typeOfKind } from './drift.ts';
import { fieldNameOf } from '../../core/avro/field-name.ts';
import { parseDate, parseInstant } from './instant.ts';
import { integerOfText, isInt64 } from './scalar-encoder.ts';

export interface InferOptions {
  /** The stream's name; the Avro record's too, with `_` behind it where Avro has a type of that name. */
  readonly name: string;
  /** The keys, as the source spells them or as fields, whose values make the message key, in order. */
  readonly primaryKey: readonly string[];
  /** The sample: the records of the first pages. */
  readonly records: readonly JsonObject[];
}

type Value = NonNullable<JsonValue>;

/** What may share one field: integers and fractions may, values of two other kinds may not. */
type Family = 'string' | 'number' | 'bool' | 'json';

/**
 * The schema of a stream that has no schema file, from a sample of its records: first the key, then every field that has a
 * value, in order of appearance, each nullable. Objects and arrays are JSON text. What the sample's other records or later
 * ones hold beside that is drift. Without records the schema is the key alone, as strings.
 *
 * @throws UnexpectedAnswerError when no record of the sample has a value that a key field can take.
 */
export function inferSchema({ name, primaryKey, records }: InferOptions): StreamSchema {
  const valuesOf = sampleOf(records);
  const keyNames = [...new Set(primaryKey.map(fieldNameOf))];
  const keyFields = keyNames.map((field): AvroField => {
    const type = records.length === 0 ? 'string' : keyTypeOf(valuesOf.get(field) ?? []);
    if (type !== undefined) return { name: field, type };
    throw new UnexpectedAnswerError(
      `${name}: no record of the first pages has a text or an integer in ${field}, which its key needs; ` +
        '`primaryKey` in the settings file may be wrong',
    );
  });
  const others = [...valuesOf].filter(([field]) => !keyNames.includes(field));
  return {
    type: 'record',
    name: isPrimitive(name) ? `${name}_` : name,
    namespace: 'chartmogul',
    doc: 'Inferred from the first pages of the source.',
    primaryKey: keyNames,
    fields: [
      ...keyFields,
      ...others.map(([field, values]) => ({
        name: field,
        type: ['null', typeOf(values)] as const,
        default: null,
      })),
    ],
  };
}

/** No record may be called so, in any namespace. */
function isPrimitive(name: string): boolean {
  return /^(null|boolean|int|long|float|double|bytes|string)$/.test(name);
}

/** The values that each field will be given by the encoder, without nulls, in order of the fields' first appearance. */
function sampleOf(records: readonly JsonObject[]): Map<string, Value[]> {
  const sample = new Map<string, Value[]>();
  for (const record of records) {
    const chosen = new Map<string, { key: string; value: Value }>();
    for (const key of Object.keys(record)) {
      const value = record[key] ?? null;
      if (value === null) continue;
      const field = fieldNameOf(key);
      const rival = chosen.get(field)?.key;
      // Of two keys with one field the encoder takes the one spelled like it, else the first by name.
      const isFirst = rival === undefined || key === field || (rival !== field && key < rival);
      if (isFirst) chosen.set(field, { key, value });
    }
    for (const [field, { value }] of chosen) {
      const values = sample.get(field);
      if (values === undefined) sample.set(field, [value]);
      else values.push(value);
    }
  }
  return sample;
}

/** Blanks decide nothing: where no text is wanted they mean that there is no value. */
function typeOf(sample: readonly Value[]): AvroValueType {
  const [first, ...rest] = sample.filter((value) => value !== '');
  if (first === undefined) return 'string';
  const family = familyOf(first);
  const values = [first, ...rest.filter((value) => familyOf(value) === family)];
  switch (family) {
    case 'string':
      return textTypeOf(values);
    case 'number':
      return values.every((value) => kindOf(value) === 'long') ? 'long' : 'double';
    default:
      return typeOfKind[family];
  }
}

/** Undefined where the sample has nothing that a key can be made of. */
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
  if (isAll((text) => parseInstant(text) !== undefined)) {
    return { type: 'long', logicalType: 'timestamp-millis' } as const;
  }
  return 'string';
}

/** Of an instant at midnight nobody knows whether the next one is at midnight too. */
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
