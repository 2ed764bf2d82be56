import { isSystemColumnName } from './schema.ts';

/**
 * Returns the Avro field and ClickHouse column of a source key: every character outside
 * `[A-Za-z0-9_]` becomes `_` (`customer-since` → `customer_since`). Names that Avro forbids (empty
 * or with a leading digit) and names of system columns (`_version`) get a leading `_`.
 */
export function fieldNameOf(key: string): string {
  const name = key.replace(/[^A-Za-z0-9_]/g, '_');
  return /^[A-Za-z_]/.test(name) && !isSystemColumnName(name) ? name : `_${name}`;
}
