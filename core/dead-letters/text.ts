import { parse, stringify } from 'lossless-json';
import { deadLetterHeaders } from './dead-letter.ts';
import { shownKey } from '../terminal/shown-key.ts';
import { SHORT_ID_DIGITS } from './choice.ts';
import type { StoredLetter } from './parse-letter.ts';
import { messageOf, NestedTooDeeplyError } from '../errors.ts';
import { textTable } from '../terminal/text-table.ts';
import { visibleLine } from '../terminal/terminal.ts';

/** Columns of a terminal that does not know its size. */
const STANDARD_WIDTH = 80;

const HEX_ROW_BYTES = 16;
const MAX_HEX_BYTES = 4096;
const MIN_WRAP = 20;

/** Columns that there are to write to: a pipe or file has no end. */
export function widthOf(output: { readonly isTTY?: boolean; readonly columns?: number }): number {
  return output.isTTY === true ? output.columns || STANDARD_WIDTH : Infinity;
}

export function shortId({ id }: StoredLetter): string {
  return id.slice(0, SHORT_ID_DIGITS);
}

/** Letters as a table, a line each, cut to `width` columns. */
export function letterTable(letters: readonly StoredLetter[], width: number): string {
  const hasSettled = letters.some(({ state }) => state !== 'waiting');
  const heads = [
    'id',
    'set aside, UTC',
    'stream',
    'step',
    ...(hasSettled ? ['state'] : []),
    'code',
    'reason',
  ];
  const rows = letters.map((letter) => [
    shortId(letter),
    minuteOf(letter.setAsideMs),
    letter.stream,
    letter.step,
    ...(hasSettled ? [letter.state] : []),
    visibleLine(letter.code),
    // A longer one would make the table as wide for all.
    cut(visibleLine(letter.reason), width),
  ]);
  return textTable(heads, rows)
    .split('\n')
    .map((line) => cut(line, width))
    .join('\n');
}

/** How many letters there are, in a line. @param shown how many of them a table has. */
export function totalLine(letters: readonly StoredLetter[], shown: number): string {
  const countOf = (wanted: StoredLetter['state']) => letters.filter(({ state }) => state === wanted).length;
  const parts = [waitingText(countOf('waiting'))];
  for (const state of ['redriven', 'discarded'] as const)
    if (countOf(state) > 0) parts.push(`${countOf(state)} ${state}`);
  const hidden = letters.length - shown;
  if (hidden > 0) parts.push(`${hidden} not shown: --limit ${letters.length} shows all`);
  return [...kindLines(letters), parts.join(', ')].join('\n');
}

/** How many of each kind, where there are several: one that is rare must not drown among the others. */
function kindLines(letters: readonly StoredLetter[]): string[] {
  const counts = new Map<string, number>();
  for (const { stream, step, code } of letters) {
    const kind = `${stream}  ${step}  ${visibleLine(code)}`;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  if (counts.size < 2) return [];
  return [...counts].sort(([, a], [, b]) => b - a).map(([kind, count]) => `${count} × ${kind}`);
}

function waitingText(count: number): string {
  if (count === 0) return nothingWaits;
  return count === 1 ? '1 dead letter waits' : `${count} dead letters wait`;
}

export const nothingWaits = 'no dead letter waits';

/** All that a letter says of itself, a line each; long values go on in the next line. */
export function letterDetails(letter: StoredLetter, width: number): string {
  const { id, state, setAsideMs, headers, bytes } = letter;
  const said: (readonly [string, string])[] = [
    ['id', id.slice(0, 2 * SHORT_ID_DIGITS)],
    ['set aside', timeOf(setAsideMs)],
    ...Object.entries(headers).map(
      ([name, value]) =>
        [
          visibleLine(name),
          name === deadLetterHeaders.key ? shownKey(headerText(value)) : headerText(value),
        ] as const,
    ),
    ...(headers['state'] === undefined ? [['state', state] as const] : []),
    ['bytes', String(bytes)],
  ];
  const names = said.reduce((longest, [name]) => Math.max(longest, name.length), 0);
  const room = Math.max(MIN_WRAP, width - names - 4);
  return textTable(
    ['header', 'value'],
    said.flatMap(([name, value]) => folded(value, room).map((part, at) => [at === 0 ? name : '', part])),
  );
}

/** Its headers as text; those that are none in hex digits. */
export function headerTexts({ headers }: StoredLetter): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, headerText(value)]));
}

/** What a letter says of itself, for other programs. */
export function letterJson(letter: StoredLetter): Readonly<Record<string, unknown>> {
  const { id, key, stream, step, code, reason, recordKey, setAsideMs, redrivenMs, attempts, bytes } = letter;
  return {
    id,
    key,
    setAsideAt: timeOf(setAsideMs),
    stream,
    step,
    code,
    reason,
    state: letter.state,
    attempts,
    ...(letter.state === 'redriven' && redrivenMs !== undefined && { redrivenAt: timeOf(redrivenMs) }),
    ...(recordKey !== undefined && { recordKey }),
    ...(step === 'sink' && {
      topic: letter.topic,
      partition: letter.partition,
      offset: letter.offset,
      timestamp: timeOf(letter.timestampMs),
    }),
    bytes,
  };
}

/** JSON text with a line for each value; every digit stays. @throws SyntaxError; NestedTooDeeplyError */
export function prettyJson(text: string): string {
  return jsonLines(exactJson(text));
}

/** The value of a JSON text, for {@link jsonLines} alone: numbers are objects that keep their digits. @throws as {@link prettyJson} */
export function exactJson(text: string): unknown {
  return shallow(() => parse(text, null, { onDuplicateKey: ({ newValue }) => newValue }));
}

/** @throws NestedTooDeeplyError */
export function jsonLines(value: unknown): string {
  return shallow(() => stringify(value, null, 2) ?? 'null');
}

/** Why a value can be shown as bytes only, in a line. */
export function whyNot(error: unknown): string {
  return visibleLine(error instanceof SyntaxError ? 'it is not JSON' : messageOf(error));
}

/** Offset, bytes and characters, 16 to a line; of the first 4 KiB. */
export function hexDump(bytes: Buffer): string {
  const lines: string[] = [];
  const end = hexPart(bytes).length;
  for (let at = 0; at < end; at += HEX_ROW_BYTES) {
    const row = bytes.subarray(at, Math.min(at + HEX_ROW_BYTES, end));
    const hex = Array.from(row, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = row.toString('latin1').replace(/[^\x20-\x7e]/g, '.');
    lines.push(`${at.toString(16).padStart(8, '0')}  ${hex.padEnd(HEX_ROW_BYTES * 3 - 1)}  |${text}|`);
  }
  if (bytes.length > end) lines.push(`… and ${(bytes.length - end).toLocaleString('en-US')} bytes more`);
  return lines.join('\n');
}

/** As much of the bytes as is shown. */
export function hexPart(bytes: Buffer): Buffer {
  return bytes.subarray(0, MAX_HEX_BYTES);
}

/** Text in lines of at most `width`, those after the first indented. */
export function foldedLine(text: string, width: number): string {
  return folded(text, width, '    ').join('\n');
}

/** Broken between words; a word that is longer than a line goes on in the next. */
function folded(text: string, width: number, indent = ''): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const isFirst = line.trim() === '';
    if (isFirst || line.length + 1 + word.length <= width) line += isFirst ? word : ` ${word}`;
    else {
      lines.push(line);
      line = indent + word;
    }
    for (; line.length > width; line = indent + line.slice(width)) lines.push(line.slice(0, width));
  }
  return [...lines, line];
}

export function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

function headerText(value: Buffer): string {
  const text = value.toString('utf8');
  const isText = Buffer.from(text).equals(value) && !/\p{Cc}/u.test(text);
  return isText ? visibleLine(text) : value.toString('hex');
}

function minuteOf(ms: number): string {
  return timeOf(ms).slice(0, 'YYYY-MM-DDTHH:MM'.length).replace('T', ' ');
}

/** ISO, in UTC; times that no calendar has are told as they are. */
function timeOf(ms: number): string {
  const time = new Date(ms);
  return Number.isNaN(time.getTime()) ? `${ms} ms` : time.toISOString();
}

/** The stack ends some thousand levels down. */
function shallow<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof RangeError) throw new NestedTooDeeplyError('it has thousands of nested objects');
    throw error;
  }
}
