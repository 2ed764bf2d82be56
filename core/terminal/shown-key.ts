import { UNPRINTABLE } from './unprintable.ts';

const MAX_LENGTH = 200;

/** As much of a key as a person needs to find it, in one line: keys come from elsewhere, and may have any length and any characters. */
export function shownKey(key: string): string {
  const start = key.slice(0, MAX_LENGTH).replace(UNPRINTABLE, '�');
  return key.length > MAX_LENGTH ? `${start}… (${key.length.toLocaleString('en-US')} characters)` : start;
}
