import { randomUUID } from 'node:crypto';
import {
  compareNumber,
  isLosslessNumber,
  isNumber,
  LosslessNumber,
  splitNumber,
  stringify,
} from 'lossless-json';
import { NestedTooDeeplyError } from './errors.ts';

export { isLosslessNumber, LosslessNumber };

/**
 * A JSON value as read from the source. A number that no double reproduces is a `bigint` or, with a
 * fraction or an exponent, a `LosslessNumber`, which keeps its text.
 */
export type JsonValue = null | boolean | number | bigint | LosslessNumber | string | JsonValue[] | JsonObject;
export interface JsonObject {
  [key: string]: JsonValue;
}

/** A double reproduces every number of up to 15 digits, unless its exponent has three. */
const mayRound = /\d{16}|\d[\d.]{15}\d|\d[eE][+-]?\d{3}/;
const numberTokens = /\d[\d.]*(?:[eE][+-]?\d+)?/g;
const integerText = /^-?\d+$/;
const INT64_DIGITS = 19;

/** Parses JSON without rounding numbers. The last value of a key counts. @throws SyntaxError */
export function parseJson(text: string): JsonValue {
  return needsExactness(text) ? parseExactly(text) : (JSON.parse(text) as JsonValue);
}

/** Returns whether the text has a number that a double would round, in a string or outside. */
function needsExactness(text: string): boolean {
  if (!mayRound.test(text)) return false;
  // A string may contain a text that only looks like a number, such as 03e7967.
  return (text.match(numberTokens) ?? []).some(
    (token) => isNumber(token) && typeof exactNumber(token) !== 'number',
  );
}

/**
 * Only the engine's parser accepts any depth, but it rounds: it gets numbers that it would round as
 * marked strings.
 */
function parseExactly(text: string): JsonValue {
  const mark = randomUUID();
  const root = [JSON.parse(withMarkedNumbers(text, mark)) as JsonValue];
  const open: (JsonValue[] | JsonObject)[] = [root];
  for (let holder = open.pop(); holder !== undefined; holder = open.pop()) {
    const values = holder as JsonObject;
    for (const key of Object.keys(values)) {
      const value = values[key] ?? null;
      if (typeof value === 'string' && value.startsWith(mark))
        values[key] = exactNumber(value.slice(mark.length));
      else if (typeof value === 'object' && value !== null && !isLosslessNumber(value)) open.push(value);
    }
  }
  return root[0] ?? null;
}

function withMarkedNumbers(text: string, mark: string): string {
  const parts: string[] = [];
  let copied = 0;
  const tokens = /"|[-\d][-+.\deE]*/g;
  for (let match = tokens.exec(text); match !== null; match = tokens.exec(text)) {
    const [token] = match;
    if (token === '"') tokens.lastIndex = endOfString(text, match.index);
    // The parser rejects a token that is not a number.
    if (!isNumber(token) || typeof exactNumber(token) === 'number') continue;
    parts.push(text.slice(copied, match.index), `"${mark}${token}"`);
    copied = match.index + token.length;
  }
  return parts.join('') + text.slice(copied);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

function endOfString(text: string, start: number): number {
  let at = start + 1;
  for (let code = text.charCodeAt(at); code !== QUOTE && at < text.length; code = text.charCodeAt(at))
    at += code === BACKSLASH ? 2 : 1;
  return at + 1;
}

function exactNumber(text: string): number | bigint | LosslessNumber {
  const value = Number(text);
  if (integerText.test(text)) return Number.isSafeInteger(value) ? value : BigInt(text);
  // NaN comes from a text such as 1.2.3 in a string.
  if (Number.isNaN(value) || reproducedBy(text) !== undefined) return value;
  const { sign, digits, exponent } = splitNumber(text);
  const isLong = exponent >= digits.length - 1 && exponent < INT64_DIGITS;
  return isLong ? BigInt(sign + digits.padEnd(exponent + 1, '0')) : new LosslessNumber(text);
}

/** Returns the double whose text is the same number, digit for digit; undefined if none is. */
export function reproducedBy(text: string): number | undefined {
  const value = Number(text);
  if (!Number.isFinite(value)) return undefined;
  const own = String(value);
  return own === text || compareNumber(own, text) === 0 ? value : undefined;
}

/** Writes all digits; the inverse of {@link parseJson}. @throws NestedTooDeeplyError */
export function jsonText(value: JsonValue): string {
  return withinStack(() =>
    isPlain(value) ? JSON.stringify(value) : (stringify(value, withExponent) ?? 'null'),
  );
}

/** The engine writes a double from 2^53 as an integer, whose digits may be those of another one. */
function withExponent(_key: string, value: unknown): unknown {
  return isUnsafeInteger(value) ? new LosslessNumber(value.toExponential()) : value;
}

function isUnsafeInteger(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value);
}

function isPlain(value: JsonValue): boolean {
  if (typeof value === 'number') return !isUnsafeInteger(value);
  if (typeof value === 'bigint') return false;
  if (typeof value !== 'object' || value === null) return true;
  return !isLosslessNumber(value) && (Array.isArray(value) ? value : Object.values(value)).every(isPlain);
}

/** Runs work that recurses once per level. @throws NestedTooDeeplyError */
export function withinStack<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof RangeError)
      throw new NestedTooDeeplyError('a record nested thousands of levels deep');
    throw error;
  }
}

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isLosslessNumber(value);
}
