import { schemaFields, type SchemaField } from './schema-fields.ts';

/** A property of a field, or of the schema as a whole. */
export type ChangedProperty = 'type' | 'default' | 'doc' | 'aliases' | 'name' | 'primary key';

/** One difference between two schemas. An empty path is the schema as a whole. */
export type SchemaChange =
  | { readonly kind: 'added' | 'removed'; readonly path: string; readonly field: SchemaField }
  | {
      readonly kind: 'changed';
      readonly path: string;
      readonly property: ChangedProperty;
      /** Null if there was or is none. */
      readonly from: string | null;
      readonly to: string | null;
    };

/**
 * Returns the differences between two parsed Avro schemas: those of the whole schema, then those of
 * the fields in the order of the newer schema, then removed fields. A different order of fields is
 * not a difference.
 */
export function diffSchemas(older: unknown, newer: unknown): SchemaChange[] {
  const before = new Map(schemaFields(older).map((field) => [field.path, field]));
  const after = schemaFields(newer);
  const paths = new Set(after.map(({ path }) => path));
  const changes: SchemaChange[] = changesBetween('', wholeOf(older), wholeOf(newer));
  for (const field of after) {
    const { path } = field;
    const earlier = before.get(path);
    if (earlier === undefined) changes.push({ kind: 'added', path, field });
    else changes.push(...changesBetween(path, propertiesOf(earlier), propertiesOf(field)));
  }
  for (const [path, field] of before) if (!paths.has(path)) changes.push({ kind: 'removed', path, field });
  return changes;
}

type Properties = Partial<Readonly<Record<ChangedProperty, string | null>>>;

function propertiesOf({ type, default: value, doc, aliases }: SchemaField): Properties {
  return {
    type,
    default: value ?? null,
    aliases: aliases.length === 0 ? null : aliases.join(', '),
    doc: doc === '' ? null : doc,
  };
}

function wholeOf(schema: unknown): Properties {
  if (typeof schema !== 'object' || schema === null) return { type: JSON.stringify(schema) };
  const { name, namespace, doc, primaryKey } = schema as Readonly<Record<string, unknown>>;
  const parts = [namespace, name].filter((part) => typeof part === 'string');
  return {
    name: parts.length === 0 ? null : parts.join('.'),
    doc: typeof doc === 'string' && doc !== '' ? doc : null,
    'primary key': Array.isArray(primaryKey) ? primaryKey.map(String).join(', ') : null,
  };
}

function changesBetween(path: string, before: Properties, after: Properties): SchemaChange[] {
  const properties = new Set([...Object.keys(before), ...Object.keys(after)]) as Set<ChangedProperty>;
  return [...properties].flatMap((property) => {
    const [from, to] = [before[property] ?? null, after[property] ?? null];
    return from === to ? [] : [{ kind: 'changed' as const, path, property, from, to }];
  });
}
