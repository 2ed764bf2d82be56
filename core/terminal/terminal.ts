import { Transform } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/**
 * Invisible characters that a terminal may interpret. Use it only with `replace`, because it is
 * global.
 */
export const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

const MAX_KEY_LENGTH = 200;

export interface Output {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/**
 * Escapes the unprintable characters of a line, such as `\u001b`. JSON remains valid and keeps its
 * value.
 */
export function visibleLine(text: string): string {
  return text.replace(UNPRINTABLE, (character) =>
    // By UTF-16 unit, as in JSON.
    character.replace(/[^]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
  );
}

/** Returns the start of a key as a printable line: other programs may write keys of any length. */
export function shownKey(key: string): string {
  const start = key.slice(0, MAX_KEY_LENGTH).replace(UNPRINTABLE, '�');
  return key.length > MAX_KEY_LENGTH ? `${start}… (${key.length.toLocaleString('en-US')} characters)` : start;
}

/** Applies {@link visibleLine} to several lines. Tabs and line breaks are kept. */
export function visibleText(text: string): string {
  return text.replace(/[^\n\t]+/g, visibleLine);
}

/** Writes text of any origin: as {@link visibleText} to a terminal, unchanged to a pipe or file. */
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
