import { parse, stringify } from 'lossless-json';
import { NestedTooDeeplyError } from '../../core/errors.ts';

/**
 * Formats JSON with one value per line, and keeps every digit.
 * @throws SyntaxError, NestedTooDeeplyError
 */
export function prettyJson(text: string): string {
  return jsonLines(exactJson(text));
}

/**
 * Parses JSON. Numbers become objects that keep every digit.
 * @throws SyntaxError, NestedTooDeeplyError
 */
export function exactJson(text: string): unknown {
  return withinStack(() => parse(text, null, { onDuplicateKey: ({ newValue }) => newValue }));
}

/** @throws NestedTooDeeplyError */
export function jsonLines(value: unknown): string {
  return withinStack(() => stringify(value, null, 2) ?? 'null');
}

/** Translates the stack overflow that thousands of nested levels cause. */
function withinStack<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof RangeError) throw new NestedTooDeeplyError('it is nested thousands of levels deep');
    throw error;
  }
}
