import { isSystemColumnName } from './schema.ts';

/**
 * The Avro field and ClickHouse column of a source key: every character outside `[A-Za-z0-9_]` becomes `_`
 * (`customer-since` → `customer_since`). Avro also forbids a leading digit and an empty name: `_` is put in front, as it is
 * of a name that the storage tables use themselves (`_version`).
 */
export function fieldNameOf(key: string): string {
  const name = key.replace(/[^A-Za-z0-9_]/g, '_');
  return /^[A-Za-z_]/.test(name) && !isSystemColumnName(name) ? name : `_${name}`;
}
