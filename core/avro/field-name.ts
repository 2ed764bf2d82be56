import { isSystemColumnName } from './schema.ts';

/**
 * Returns the name of the Avro field and ClickHouse column for a source key: `due-on` → `due_on`.
 * Names that Avro forbids (empty or with a leading digit) and names of system columns are prefixed
 * with `_`.
 */
export function fieldNameOf(key: string): string {
  const name = key.replace(/[^A-Za-z0-9_]/g, '_');
  return /^[A-Za-z_]/.test(name) && !isSystemColumnName(name) ? name : `_${name}`;
}
