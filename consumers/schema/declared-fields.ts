import type { WriterField, WriterSchema, WriterType } from './writer-type.ts';
import { membersOf, splitUnion } from './writer-type.ts';

/**
 * The latest declaration of each field, by path: `a.b`, `a[].b` in items, `a{}.b` in map values.
 */
export type DeclaredFields = ReadonlyMap<string, WriterField>;

/** Collects the declarations of the fields. @param schemas of one topic, oldest first. */
export function declaredFields(schemas: Iterable<WriterSchema>): DeclaredFields {
  const declared = new Map<string, WriterField>();
  for (const { fields } of schemas) declare(fields, '', declared);
  return declared;
}

function declare(fields: readonly WriterField[], around: string, declared: Map<string, WriterField>): void {
  for (const field of fields) {
    const path = around === '' ? field.name : `${around}.${field.name}`;
    declared.set(path, field);
    declareWithin(field.type, path, declared);
  }
}

function declareWithin(type: WriterType, path: string, declared: Map<string, WriterField>): void {
  switch (type.kind) {
    case 'record':
      // A record that contains itself is JSON text.
      if (!type.isRecursive) declare(membersOf(type), path, declared);
      return;
    case 'array':
      declareWithin(type.items, `${path}[]`, declared);
      return;
    case 'map':
      declareWithin(type.values, `${path}{}`, declared);
      return;
    case 'union': {
      const [only, ...others] = splitUnion(type).values;
      if (only !== undefined && others.length === 0) declareWithin(only.type, path, declared);
      return;
    }
    default:
  }
}
