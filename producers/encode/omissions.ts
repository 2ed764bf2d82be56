import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';

/**
 * The reason why the Avro bytes of a record lack a member: the member has no field, does not fit
 * its field, is null, or is null and has no field.
 */
export type Omission = 'unknown' | 'misfit' | 'null' | 'unknown null';

/** The omitted members of each record, nested records included, by key. */
export type Omissions = ReadonlyMap<JsonObject, ReadonlyMap<string, Omission>>;

/** Returns the value with omitted members of the given kinds dropped or set to null. */
export function reduced(
  value: JsonValue,
  omissions: Omissions,
  kinds: Readonly<Partial<Record<Omission, 'drop' | 'null'>>>,
): JsonValue {
  if (Array.isArray(value)) return value.map((item) => reduced(item, omissions, kinds));
  const omitted = isJsonObject(value) ? omissions.get(value) : undefined;
  if (omitted === undefined) return value;
  const members = Object.entries(value as JsonObject).flatMap(([key, member]): [string, JsonValue][] => {
    const kind = omitted.get(key);
    const fate = kind && kinds[kind];
    if (fate === undefined) return [[key, reduced(member, omissions, kinds)]];
    return fate === 'null' ? [[key, null]] : [];
  });
  return Object.fromEntries(members);
}
