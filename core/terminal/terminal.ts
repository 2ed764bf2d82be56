import { Transform } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** Invisible characters that a terminal obeys. Only for `replace`, because it is global. */
export const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

const MAX_KEY_LENGTH = 200;

export interface Output {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** Escapes unprintable characters of one line, as `\u001b`. JSON stays valid and equal. */
export function visibleLine(text: string): string {
  return text.replace(UNPRINTABLE, (character) =>
    // By UTF-16 unit, as JSON escapes them.
    character.replace(/[^]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
  );
}

/** Returns the start of a key in one printable line. Other programs write keys of any length. */
export function shownKey(key: string): string {
  const start = key.slice(0, MAX_KEY_LENGTH).replace(UNPRINTABLE, '�');
  return key.length > MAX_KEY_LENGTH ? `${start}… (${key.length.toLocaleString('en-US')} characters)` : start;
}

/** Applies {@link visibleLine} to several lines. Tabs and line breaks stay. */
export function visibleText(text: string): string {
  return text.replace(/[^\n\t]+/g, visibleLine);
}

/** Writes text of any origin: to a terminal as {@link visibleText}, to a pipe or file unchanged. */
export function print(text: string, output: Output = process.stdout): void {
  output.write(output.isTTY === true ? visibleText(text) : text);
}

export function visibleStream(): Transform {
  const decoder = new StringDecoder('utf8');
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      done(null, visibleText(decoder.write(chunk)));
    },
    flush(done) {
      done(null, visibleText(decoder.end()));
    },
  });
}
