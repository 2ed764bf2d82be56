import { parse, stringify } from 'lossless-json';
import { NestedTooDeeplyError } from './errors.ts';

/** A JSON value as read from the source: an integer that JavaScript cannot hold exactly is a `bigint`. */
export type JsonValue = null | boolean | number | bigint | string | JsonValue[] | JsonObject;
export interface JsonObject {
  [key: string]: JsonValue;
}

/** Without sixteen digits in a row, or three in an exponent, the engine's own parser rounds no integer and loses no number. */
const mayHoldBigNumber = /\d{16}|\d[eE]\+?\d{3}/;

/**
 * Parses JSON without rounding integers. Of a key that stands twice in an object the last value counts, as in `JSON.parse`.
 *
 * @throws SyntaxError
 */
export function parseJson(text: string): JsonValue {
  if (!mayHoldBigNumber.test(text)) return JSON.parse(text) as JsonValue;
  return parse(text, null, {
    parseNumber: parseExactly,
    onDuplicateKey: ({ newValue }) => newValue,
  }) as JsonValue;
}

/** A number beyond what JavaScript can hold at all stays text. */
function parseExactly(text: string): number | bigint | string {
  const value = Number(text);
  if (/^-?\d+$/.test(text)) return Number.isSafeInteger(value) ? value : BigInt(text);
  return Number.isFinite(value) ? value : text;
}

/**
 * The JSON text of a value; the inverse of {@link parseJson}.
 *
 * @throws NestedTooDeeplyError
 */
export function jsonText(value: JsonValue): string {
  try {
    return holdsBigInt(value) ? (stringify(value) ?? 'null') : JSON.stringify(value);
  } catch (error) {
    // The stack ends some thousand levels down.
    if (error instanceof RangeError)
      throw new NestedTooDeeplyError('a record with thousands of nested objects');
    throw error;
  }
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
