import { UNPRINTABLE } from './unprintable.ts';

const MAX_LENGTH = 200;

/**
 * Returns the start of a key in one printable line. Keys of other programs may have any length and
 * characters.
 */
export function shownKey(key: string): string {
  const start = key.slice(0, MAX_LENGTH).replace(UNPRINTABLE, '�');
  return key.length > MAX_LENGTH ? `${start}… (${key.length.toLocaleString('en-US')} characters)` : start;
}
