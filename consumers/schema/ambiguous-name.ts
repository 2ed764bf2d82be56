/**
 * Returns whether ClickHouse stores this name without quotes in the definition of a view or a
 * sorting key, and at its next start reads it as a value or an operator. A server with such a view
 * does not start. The names were found by formatting each entry of `system.keywords` twice
 * (ClickHouse 26.7).
 */
export function isAmbiguousName(name: string): boolean {
  return /^(true|false|nan|inf|infinity|not|top)$/i.test(name);
}
