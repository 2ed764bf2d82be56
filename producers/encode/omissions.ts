import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';

/**
 * Why the bytes of a record would be the same without one of its members: no field is called so, its field does not take the
 * value, or it is null.
 */
export type Omission = 'unknown' | 'misfit' | 'null' | 'unknown null';

/** Of a record, and of each record within it: the members that its bytes do not hold, by their keys. */
export type Omissions = ReadonlyMap<JsonObject, ReadonlyMap<string, Omission>>;

/** The value with the members of some kinds dropped, or null; what is no record of the schema stays as it is. */
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
