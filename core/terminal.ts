import { Transform } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** What a terminal obeys in place of showing it, or what changes how other text reads: control and format characters, line separators. */
const OBEYED = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Where text goes: `process.stdout`, `process.stderr`. */
export interface Output {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** Text in one line with each such character in sight, as `\u001b`: the same as in a JSON text, which stays one. */
export function visibleLine(text: string): string {
  return text.replace(OBEYED, (character) =>
    Array.from({ length: character.length }, (_, at) => escapeOf(character.charCodeAt(at))).join(''),
  );
}

function escapeOf(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`;
}

/** The same for text of several lines, with its tabs. */
export function visibleText(text: string): string {
  return text.replace(/[^\n\t]+/g, visibleLine);
}

/** Writes text of any origin. A terminal gets {@link visibleText}; a pipe or file every character as it is. */
export function print(text: string, output: Output = process.stdout): void {
  output.write(output.isTTY === true ? visibleText(text) : text);
}

/** {@link print} for bytes that come by and by. */
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
