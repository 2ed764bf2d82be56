import { stringify } from 'lossless-json';
import { isLosslessNumber, jsonText, LosslessNumber, withinStack, type JsonValue } from './json.ts';
import { wellFormed } from './well-formed.ts';

/** ClickHouse reads JSON of up to 1,023 levels. */
const MAX_LEVELS = 1_000;

/**
 * Returns JSON that ClickHouse can read. It differs from {@link jsonText}: a number beyond 64 bits
 * or a double's range is a string of its digits, a value more than a thousand levels deep is a
 * string of its JSON, and {@link wellFormed} replaces lone surrogates. @throws NestedTooDeeplyError
 */
export function freeFormText(value: JsonValue): string {
  return withinStack(() =>
    isReadable(value, 0) ? JSON.stringify(value) : (stringify(readable(value, 0)) ?? 'null'),
  );
}

/** Returns a JSON number as ClickHouse can read it: itself, or a string of its digits. */
export function freeFormNumber(text: string): string {
  return isReadableText(text) ? text : `"${text}"`;
}

function isReadableText(text: string): boolean {
  if (!/^-?\d+$/.test(text)) return Number.isFinite(Number(text));
  // The longest integers of 64 bits have 19 digits and a sign, or 20.
  return text.length <= 20 && isReadableInteger(BigInt(text));
}

function isReadableInteger(value: bigint): boolean {
  return value >= -(2n ** 63n) && value < 2n ** 64n;
}

/** Excludes -2^63, because its shortest digits round to a lower number. */
function isWithin64Bits(value: number): boolean {
  return value > -(2 ** 63) && value < 2 ** 64;
}

/** Returns whether ClickHouse can read the text of `JSON.stringify`. */
function isReadable(value: JsonValue, level: number): boolean {
  switch (typeof value) {
    case 'string':
      return value === wellFormed(value);
    case 'number':
      return isWithin64Bits(value) || !Number.isInteger(value);
    case 'bigint':
      return false;
    case 'object':
      if (value === null) return true;
      if (isLosslessNumber(value) || level === MAX_LEVELS) return false;
      return Array.isArray(value)
        ? value.every((item) => isReadable(item, level + 1))
        : Object.keys(value).every(
            (key) => key === wellFormed(key) && isReadable(value[key] ?? null, level + 1),
          );
    default:
      return true;
  }
}

function readable(value: JsonValue, level: number): JsonValue {
  switch (typeof value) {
    case 'string':
      return wellFormed(value);
    case 'number':
      return isReadable(value, level) ? value : new LosslessNumber(value.toExponential());
    case 'bigint':
      return isReadableInteger(value) ? value : value.toString();
    case 'object':
      if (value === null) return null;
      if (isLosslessNumber(value)) return isReadableText(value.value) ? value : value.value;
      if (level === MAX_LEVELS) return jsonText(value);
      return Array.isArray(value)
        ? value.map((item) => readable(item, level + 1))
        : Object.fromEntries(
            Object.entries(value).map(([key, member]) => [wellFormed(key), readable(member, level + 1)]),
          );
    default:
      return value;
  }
}
