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
 * A JSON value as read from the source. A number that no double reproduces is a `bigint` if it is
 * an integer, otherwise a `LosslessNumber`, which keeps its text. An integer of more than 19 digits
 * that is written with a fraction or an exponent is also a `LosslessNumber`.
 */
export type JsonValue = null | boolean | number | bigint | LosslessNumber | string | JsonValue[] | JsonObject;
export interface JsonObject {
  [key: string]: JsonValue;
}

/**
 * Matches numbers that a double may round: a double reproduces every number of up to 15 digits,
 * unless its exponent has three digits. The character before the number excludes most other text,
 * such as the many UUIDs that contain `1e234`.
 */
const mayRound = /(?:^|[:,[\s])-?(?:\d{16}|\d[\d.]{15}\d|\d[\d.]*[eE][+-]?\d{3})[\d.]*(?:[eE][+-]?\d+)?/g;
const integerText = /^-?\d+$/;
const INT64_DIGITS = 19;

/**
 * Parses JSON without rounding numbers. The last value of a repeated key counts. @throws SyntaxError
 */
export function parseJson(text: string): JsonValue {
  return needsExactness(text) ? parseExactly(text) : (JSON.parse(text) as JsonValue);
}

/** Returns whether the text has a number that a double would round, inside or outside a string. */
function needsExactness(text: string): boolean {
  return (text.match(mayRound) ?? []).some((found) => isRounded(found.replace(/^[:,[\s]/, '')));
}

function isRounded(token: string): boolean {
  return isNumber(token) && typeof exactNumber(token) !== 'number';
}

/**
 * Only the engine's parser accepts any depth, but it rounds. So the numbers that it would round are
 * passed to it as marked strings.
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
  let quote = text.indexOf('"');
  for (const { 0: found, index } of text.matchAll(mayRound)) {
    const token = found.replace(/^[:,[\s]/, '');
    const end = index + found.length;
    const start = end - token.length;
    // Skips the strings before the number. The last string may contain the match, which then only
    // looks like a number.
    while (quote !== -1 && quote < start) {
      const after = endOfString(text, quote);
      if (after > start) break;
      quote = text.indexOf('"', after);
    }
    const isInString = quote !== -1 && quote < start;
    if (isInString || !isRounded(token)) continue;
    parts.push(text.slice(copied, start), `"${mark}${token}"`);
    copied = end;
  }
  return parts.join('') + text.slice(copied);
}

const BACKSLASH = 0x5c;

/** Returns the index after the string that starts at a quote. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let slashes = end;
    while (text.charCodeAt(slashes - 1) === BACKSLASH) slashes--;
    if ((end - slashes) % 2 === 0) return end + 1;
  }
  return text.length + 1;
}

function exactNumber(text: string): number | bigint | LosslessNumber {
  const value = Number(text);
  if (integerText.test(text)) return Number.isSafeInteger(value) ? value : BigInt(text);
  if (Number.isNaN(value) || reproducedBy(text) !== undefined) return value;
  const { sign, digits, exponent } = splitNumber(text);
  const isLong = exponent >= digits.length - 1 && exponent < INT64_DIGITS;
  return isLong ? BigInt(sign + digits.padEnd(exponent + 1, '0')) : new LosslessNumber(text);
}

/**
 * Returns the double whose text is the same number, digit for digit; undefined if there is none.
 */
export function reproducedBy(text: string): number | undefined {
  const value = Number(text);
  if (!Number.isFinite(value)) return undefined;
  const own = String(value);
  return own === text || compareNumber(own, text) === 0 ? value : undefined;
}

/**
 * Returns JSON with all digits of each number; the inverse of {@link parseJson}. @throws
 * NestedTooDeeplyError
 */
export function jsonText(value: JsonValue): string {
  return withinStack(() =>
    isPlain(value) ? JSON.stringify(value) : (stringify(value, withExponent) ?? 'null'),
  );
}

/**
 * The engine writes a double of at least 2^53 as an integer whose digits may differ from its value.
 */
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
      throw new NestedTooDeeplyError('the record is nested thousands of levels deep');
    throw error;
  }
}

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isLosslessNumber(value);
}
