import { parse, stringify } from 'lossless-json';

/** A JSON value as read from the source: an integer that JavaScript cannot hold exactly is a `bigint`. */
export type JsonValue = null | boolean | number | bigint | string | JsonValue[] | JsonObject;
export interface JsonObject {
  [key: string]: JsonValue;
}

/** Without sixteen digits in a row no integer in the text can lie beyond 2^53, so the engine's own parser is exact. */
const mayHoldBigInteger = /\d{16}/;

/**
 * Parses JSON without rounding integers. Of a key that stands twice in an object the last value counts, as in `JSON.parse`.
 *
 * @throws SyntaxError
 */
export function parseJson(text: string): JsonValue {
  if (!mayHoldBigInteger.test(text)) return JSON.parse(text) as JsonValue;
  return parse(text, null, { parseNumber: parseExactly, onDuplicateKey: ({ newValue }) => newValue }) as JsonValue;
}

function parseExactly(text: string): number | bigint {
  const value = Number(text);
  return /^-?\d+$/.test(text) && !Number.isSafeInteger(value) ? BigInt(text) : value;
}

/** The JSON text of a value; the inverse of {@link parseJson}. */
export function jsonText(value: JsonValue): string {
  return holdsBigInt(value) ? (stringify(value) ?? 'null') : JSON.stringify(value);
}

function holdsBigInt(value: JsonValue): boolean {
  if (typeof value === 'bigint') return true;
  if (typeof value !== 'object' || value === null) return false;
  return (Array.isArray(value) ? value : Object.values(value)).some(holdsBigInt);
}

/** True for a JSON object, not for an array or null. */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
