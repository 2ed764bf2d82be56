import { Transform } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { UNPRINTABLE } from './unprintable.ts';

/** The target of {@link print}: `process.stdout`, `process.stderr`. */
export interface Output {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** Escapes unprintable characters of one line, as `\u001b`. JSON stays valid and equal. */
export function visibleLine(text: string): string {
  return text.replace(UNPRINTABLE, (character) =>
    Array.from({ length: character.length }, (_, at) => escapeOf(character.charCodeAt(at))).join(''),
  );
}

function escapeOf(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`;
}

/** Applies {@link visibleLine} to several lines. Tabs and line breaks stay. */
export function visibleText(text: string): string {
  return text.replace(/[^\n\t]+/g, visibleLine);
}

/**
 * Writes text of any origin. A terminal gets {@link visibleText}, a pipe or file the text
 * unchanged.
 */
export function print(text: string, output: Output = process.stdout): void {
  output.write(output.isTTY === true ? visibleText(text) : text);
}

/** Returns a transform that applies {@link visibleText} to a stream of bytes. */
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
