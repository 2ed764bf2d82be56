import type { AvroType, StreamSchema } from '../../core/avro/schema.ts';
import type { JsonObject, JsonValue } from '../../core/json.ts';
import { fieldNameOf } from '../../core/avro/field-name.ts';
import type { SourceList } from '../chartmogul/source-list.ts';
import type { StreamSpec } from '../chartmogul/streams.ts';

/**
 * Completes the key of a response that is the only record of its list (`listKey` null). A missing
 * or blank key field gets a constant or, in a child stream whose key lacks the parent's field, the
 * parent's key. An integer in a key field for text becomes text. Leaves other records unchanged, as
 * well as a response without any field of the schema except the key.
 *
 * @param schema undefined until it has been inferred. Until then, keys are strings.
 */
export function withSingleKey(
  record: JsonObject,
  list: SourceList,
  { name, parent, primaryKey = [] }: Pick<StreamSpec, 'name' | 'parent' | 'primaryKey'>,
  schema: StreamSchema | undefined,
): JsonObject {
  if (list.listKey !== null) return record;
  const keyNames = schema?.primaryKey ?? primaryKey;
  const isKnown = (field: string) => schema === undefined || schema.fields.some((one) => one.name === field);
  const given = Object.keys(record).filter((key) => (record[key] ?? null) !== null);
  const fields = given.map(fieldNameOf);
  if (!fields.some((field) => !keyNames.includes(field) && field !== parent?.field && isKnown(field)))
    return record;

  const keyed = new Map(Object.entries(record));
  for (const field of keyNames) {
    const spelled = spellingOf(record, field);
    const value = spelled === undefined ? null : (record[spelled] ?? null);
    const type = schema?.fields.find((one) => one.name === field)?.type ?? 'string';
    if (value === null || (typeof value === 'string' && value.trim() === '')) {
      // With one constant for all parents, their records would share a key.
      const isOwn = parent === undefined || keyNames.includes(parent.field);
      const constant = isOwn ? constantOf(type, name) : type === 'string' ? record[parent.field] : undefined;
      if (constant === undefined) continue;
      if (spelled !== undefined) keyed.delete(spelled);
      keyed.set(field, constant);
    } else if (spelled !== undefined && schema !== undefined && type === 'string' && isInteger(value)) {
      keyed.delete(spelled);
      keyed.set(field, String(value));
    }
  }
  return Object.fromEntries(keyed);
}

/** Returns the source key that the encoder maps to a field. */
function spellingOf(record: JsonObject, field: string): string | undefined {
  if ((record[field] ?? null) !== null) return field;
  const keys = Object.keys(record).sort();
  return keys.find((key) => (record[key] ?? null) !== null && fieldNameOf(key) === field);
}

function isInteger(value: JsonValue): value is number | bigint {
  return typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value));
}

function constantOf(type: AvroType, name: string): JsonValue {
  if (type === 'string') return name;
  return type === 'long' ? 0 : '1970-01-01';
}
