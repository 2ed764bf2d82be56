import {
  recordWithin,
  withRecordWithin,
  type AvroField,
  type AvroRecord,
  type AvroValueType,
} from '../../core/avro/schema.ts';
import { isLosslessNumber, type JsonValue } from '../../core/json.ts';
import { isInt64 } from './scalar-encoder.ts';

/** A field that the source has and the schema lacks. */
export interface Drift {
  /** Names of the fields that lead from the top-level record to the record that lacks the field. */
  readonly path: readonly string[];
  readonly name: string;
  readonly kind: ValueKind;
}

/**
 * The kind of a JSON value that has no field or does not fit its field. The names of variant fields
 * end with the kind.
 */
export type ValueKind = 'string' | 'double' | 'long' | 'bool' | 'json';

/** The type of a field for values of each kind. */
export const typeOfKind: Readonly<Record<ValueKind, AvroValueType>> = {
  string: 'string',
  double: 'double',
  long: 'long',
  bool: 'boolean',
  json: { type: 'string', logicalType: 'json' },
};

export function kindOf(value: NonNullable<JsonValue>): ValueKind {
  switch (typeof value) {
    case 'string':
      return 'string';
    case 'boolean':
      return 'bool';
    case 'number':
      return Number.isSafeInteger(value) ? 'long' : 'double';
    case 'bigint':
      return isInt64(value) ? 'long' : 'json';
    default:
      return isLosslessNumber(value) ? 'double' : 'json';
  }
}

/** Returns a name such as `line_items.price`. */
export function driftName({ path, name }: Drift): string {
  return [...path, name].join('.');
}

export function variantFieldOf(field: string, kind: ValueKind): string {
  return `${field}__v_${kind}`;
}

/** Returns the schema with a nullable field appended for each drift that it lacks. */
export function evolve<R extends AvroRecord>(schema: R, drifts: readonly Drift[]): R {
  return drifts.reduce<R>((record, { path, name, kind }) => {
    const type = ['null', typeOfKind[kind]] as const;
    return appendAt(record, path, {
      name,
      type,
      default: null,
      doc: 'Added for a field or value that the schema lacked.',
    });
  }, schema);
}

/**
 * Returns `schema` with the fields and types that earlier runs added, at every depth. A type on
 * the topic never changes: values that fit only a newer schema file go to variant fields.
 */
export function withLearnedFields<R extends AvroRecord>(schema: R, learned: AvroRecord): R {
  const known = new Set(schema.fields.map(({ name }) => name));
  const merged = schema.fields.map((field) => {
    const theirs = learned.fields.find(({ name }) => name === field.name);
    if (theirs === undefined) return field;
    const inner = recordWithin(field.type);
    const learnedInner = recordWithin(theirs.type);
    if (inner === undefined || learnedInner === undefined) return { ...field, type: theirs.type };
    return { ...field, type: withRecordWithin(theirs.type, withLearnedFields(inner, learnedInner)) };
  });
  return { ...schema, fields: [...merged, ...learned.fields.filter(({ name }) => !known.has(name))] };
}

function appendAt<R extends AvroRecord>(record: R, path: readonly string[], addition: AvroField): R {
  const [next, ...rest] = path;
  if (next === undefined) {
    const isKnown = record.fields.some(({ name }) => name === addition.name);
    return isKnown ? record : { ...record, fields: [...record.fields, addition] };
  }
  const fields = record.fields.map((field) => {
    const inner = field.name === next ? recordWithin(field.type) : undefined;
    return inner === undefined
      ? field
      : { ...field, type: withRecordWithin(field.type, appendAt(inner, rest, addition)) };
  });
  return { ...record, fields };
}
