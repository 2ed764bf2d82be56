import { visibleLine } from '../core/terminal/terminal.ts';

// An assistant reads every character of an answer, so answers are short and state whether they were
// cut.

/** The maximum total length of the items in an answer, in characters of JSON. */
const MAX_ITEMS = 60_000;
/** The maximum length of one value, in characters. */
const MAX_VALUE = 4_000;

export interface Fitting<T> {
  readonly items: readonly T[];
  /** Whether items were left out. */
  readonly isCut: boolean;
}

/** Returns the first items that fit in an answer. */
export function fitting<T>(all: readonly T[], maxItems = Infinity, maxCharacters = MAX_ITEMS): Fitting<T> {
  let characters = 0;
  let count = 0;
  for (const item of all) {
    characters += JSON.stringify(item).length;
    if (count >= maxItems || characters > maxCharacters) break;
    count++;
  }
  return { items: all.slice(0, count), isCut: count < all.length };
}

/** Returns a short value unchanged, or the start of a long value followed by its length. */
export function shortened(value: string, maxCharacters = MAX_VALUE): string {
  return value.length <= maxCharacters
    ? value
    : `${value.slice(0, maxCharacters).toWellFormed()}… (${value.length} characters)`;
}

/** Returns a value as one line of JSON without invisible characters. */
export function jsonLine(value: unknown): string {
  return visibleLine(JSON.stringify(value));
}

/**
 * Returns a time in ISO 8601; null for null, or for a time that `Date` cannot represent, which a
 * message may contain.
 */
export function isoTime(ms: number | null): string | null {
  const time = new Date(ms ?? NaN);
  return Number.isNaN(time.getTime()) ? null : time.toISOString();
}
