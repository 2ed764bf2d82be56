import { hash } from 'node:crypto';
import { splitNumber } from 'lossless-json';
import { isLosslessNumber, withinStack, type JsonObject, type JsonValue } from '../../core/json.ts';

/** 64 bits of a digest, as in the message header `hash`. */
export type RecordHash = Buffer;

/**
 * Returns a hash of all keys and values of a record, including every digit of its numbers. The
 * order of keys does not change the hash. Two different records share a hash with a probability of
 * 2^-64. Topics keep hashes for years: if this function changed, every record of every stream would
 * look changed.
 *
 * @throws NestedTooDeeplyError
 */
export function recordHash(record: JsonValue): RecordHash {
  // Allocating a Buffer for the digest takes longer than computing it, so it is a string of bytes.
  return Buffer.from(digestOf(record).slice(0, 8), 'binary');
}

/**
 * Returns the full digest of a record in hex. Like the hash, the digest of a record must never
 * change.
 */
export function recordDigest(record: JsonValue): string {
  return Buffer.from(digestOf(record), 'binary').toString('hex');
}

function digestOf(record: JsonValue): string {
  const text = withinStack(() => JSON.stringify(ordered(record)));
  return hash('sha256', text, 'binary');
}

/**
 * The first item of each array that `ordered` returns: one of these tags or, for an object, the
 * digest of its keys.
 */
const ARRAY = 0;
const INTEGER = 1;
const DECIMAL = 2;

type Ordered = null | boolean | number | string | Ordered[];

/**
 * Returns the value without objects and big integers, so that a single call of the engine's
 * `JSON.stringify` can write it. With the cached order of keys, a hash costs little more than the
 * JSON text alone.
 */
function ordered(value: JsonValue): Ordered {
  switch (typeof value) {
    case 'number':
      // The engine rounds the digits of integers of 2^53 or more when it writes them.
      if (!Number.isInteger(value) || Number.isSafeInteger(value)) return value;
      return [INTEGER, BigInt(value).toString()];
    case 'bigint':
      return Number.isSafeInteger(Number(value)) ? Number(value) : [INTEGER, value.toString()];
    case 'object':
      if (value === null) return null;
      if (isLosslessNumber(value)) return [DECIMAL, decimal(value.value)];
      return Array.isArray(value) ? orderedArray(value) : orderedObject(value);
    default:
      return value;
  }
}

/** Returns the same text for each spelling of a number. */
function decimal(text: string): string {
  const { sign, digits, exponent } = splitNumber(text);
  return `${sign}${digits}e${exponent}`;
}

function orderedArray(values: readonly JsonValue[]): Ordered[] {
  const array: Ordered[] = [ARRAY];
  for (const value of values) array.push(ordered(value));
  return array;
}

function orderedObject(object: JsonObject): Ordered[] {
  const { sorted, digest } = keyOrder(Object.keys(object));
  const array: Ordered[] = [digest];
  // The keys are the object's own, so each has a value.
  for (const key of sorted) array.push(ordered(object[key] as JsonValue));
  return array;
}

interface KeyOrder {
  /** The keys in the order of the object. */
  readonly keys: readonly string[];
  /** The keys sorted by UTF-16 code unit, independent of the locale. */
  readonly sorted: readonly string[];
  /** Digest of the sorted keys. */
  readonly digest: string;
}

/**
 * Recent key orders. The records of a list have few shapes, and sorting thirty keys doubles the
 * cost of a hash.
 */
const remembered: (KeyOrder | undefined)[] = new Array<undefined>(256).fill(undefined);

function keyOrder(keys: readonly string[]): KeyOrder {
  const place =
    (keys.length * 31 + (keys[0]?.length ?? 0) * 7 + (keys.at(-1)?.length ?? 0)) % remembered.length;
  const known = remembered[place];
  if (known !== undefined && isSameOrder(known.keys, keys)) return known;
  const sorted = keys.toSorted();
  const order = { keys, sorted, digest: hash('sha256', JSON.stringify(sorted), 'base64') };
  remembered[place] = order;
  return order;
}

/** Returns whether two lists have the same keys in the same order. */
export function isSameOrder(keys: readonly string[], others: readonly string[]): boolean {
  if (keys.length !== others.length) return false;
  for (let index = 0; index < keys.length; index++) if (keys[index] !== others[index]) return false;
  return true;
}
