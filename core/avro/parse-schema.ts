import avro from 'avsc';
import { IncompatibleSchemaError, messageOf } from '../errors.ts';
import type {
  AvroField,
  AvroLogical,
  AvroRecord,
  AvroScalar,
  AvroType,
  AvroValueType,
  StreamSchema,
} from './schema.ts';

const scalars: readonly string[] = ['string', 'long', 'int', 'double', 'boolean'] satisfies AvroScalar[];
const logicalTypes = new Map([
  ['json', 'string'],
  ['timestamp-millis', 'long'],
  ['date', 'int'],
]);

/**
 * Parses and checks the text of a schema from a file or the registry.
 * @throws IncompatibleSchemaError if it is not Avro, has a type that this project does not write,
 *   or has no valid primary key.
 */
export function parseStreamSchema(text: string, origin: string): StreamSchema {
  let json: unknown;
  try {
    json = JSON.parse(text);
    avro.Type.forSchema(json as avro.Schema);
  } catch (error) {
    throw new IncompatibleSchemaError(`${origin} is not an Avro schema: ${messageOf(error)}`);
  }
  const schema = parseRecord(json, origin);
  const { primaryKey } = schema;
  if (primaryKey === undefined || primaryKey.length === 0)
    throw new IncompatibleSchemaError(`${origin} has no "primaryKey"`);
  const missing = primaryKey.find((name) => !schema.fields.some((field) => field.name === name));
  if (missing !== undefined)
    throw new IncompatibleSchemaError(`${origin} lacks the field ${missing} of its primary key`);
  const unfit = schema.fields.find(({ name, type }) => primaryKey.includes(name) && !isKeyType(type));
  if (unfit !== undefined)
    throw new IncompatibleSchemaError(
      `${origin}: fields of the primary key must be string, long or date; ${unfit.name} has another type`,
    );
  return { ...schema, primaryKey };
}

function isKeyType(type: AvroType): boolean {
  if (typeof type === 'string') return type === 'string' || type === 'long';
  return 'logicalType' in type && type.logicalType === 'date';
}

type Json = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseRecord(value: unknown, origin: string): AvroRecord {
  if (!isObject(value) || value['type'] !== 'record' || !Array.isArray(value['fields']))
    throw new IncompatibleSchemaError(`${origin} is not a record`);
  const { primaryKey = [] } = value;
  if (!Array.isArray(primaryKey) || primaryKey.some((part) => typeof part !== 'string'))
    throw new IncompatibleSchemaError(`${origin}: "primaryKey" must be a list of field names`);
  return {
    ...(value as Json & { name: string; primaryKey?: string[] }),
    type: 'record',
    fields: value['fields'].map((field) => parseField(field, origin)),
  };
}

function parseField(value: unknown, origin: string): AvroField {
  // avsc has checked that a field is an object with a name and a type.
  const field = value as Json & { name: string; default?: null };
  return { ...field, type: parseType(field['type'], `${origin}, field ${field.name}`) };
}

function parseType(value: unknown, origin: string): AvroType {
  if (!Array.isArray(value)) return parseValueType(value, origin);
  const [first, second, ...more] = value as unknown[];
  if (first !== 'null' || second === undefined || more.length > 0)
    throw new IncompatibleSchemaError(`${origin}: a union other than [null, type] is not supported`);
  return ['null', parseValueType(second, origin)];
}

/**
 * Rejects items that are encoded in zero bytes: a message of a few bytes could claim to contain
 * billions of them.
 */
function parseItems(value: unknown, origin: string): AvroType {
  const items = parseType(value, origin);
  if (hasBytes(items)) return items;
  throw new IncompatibleSchemaError(`${origin}: the items of a list must have fields`);
}

function hasBytes(type: AvroType): boolean {
  const isRecord = typeof type === 'object' && 'fields' in type;
  return !isRecord || type.fields.some((field) => hasBytes(field.type));
}

function parseValueType(value: unknown, origin: string): AvroValueType {
  if (typeof value === 'string' && scalars.includes(value)) return value as AvroScalar;
  if (isObject(value)) {
    const { type, logicalType } = value;
    if (type === 'record') return parseRecord(value, origin);
    if (type === 'array') return { type, items: parseItems(value['items'], origin) };
    if (typeof logicalType === 'string' && logicalTypes.get(logicalType) === type)
      return { type, logicalType } as AvroLogical;
    if (typeof type === 'string' && logicalType === undefined) return parseValueType(type, origin);
  }
  throw new IncompatibleSchemaError(`${origin}: the type ${JSON.stringify(value)} is not supported`);
}
