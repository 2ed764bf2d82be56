import { parse, stringify } from 'lossless-json';
import { NestedTooDeeplyError } from '../../core/errors.ts';

/** Formats JSON one value per line, with every digit. @throws SyntaxError, NestedTooDeeplyError */
export function prettyJson(text: string): string {
  return jsonLines(exactJson(text));
}

/**
 * Parses JSON with numbers as objects that keep digits.
 * @throws SyntaxError, NestedTooDeeplyError
 */
export function exactJson(text: string): unknown {
  return withinStack(() => parse(text, null, { onDuplicateKey: ({ newValue }) => newValue }));
}

/** @throws NestedTooDeeplyError */
export function jsonLines(value: unknown): string {
  return withinStack(() => stringify(value, null, 2) ?? 'null');
}

/** Catches the stack overflow after some thousand levels. */
function withinStack<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof RangeError) throw new NestedTooDeeplyError('it is nested thousands of levels deep');
    throw error;
  }
}
