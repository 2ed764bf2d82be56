import { deadLetterHeaders } from '../../core/dead-letters/format.ts';
import type { StoredDeadLetter } from '../../core/dead-letters/reader.ts';
import { several } from '../../core/terminal/amounts.ts';
import { cut, textTable, type Column } from '../../core/terminal/columns.ts';
import { shownKey, visibleLine } from '../../core/terminal/terminal.ts';
import { SHORT_ID_DIGITS } from './choose.ts';

const HEX_ROW_BYTES = 16;
const MAX_HEX_BYTES = 4096;
const MIN_WRAP = 20;

export function shortId({ id }: StoredDeadLetter): string {
  return id.slice(0, SHORT_ID_DIGITS);
}

/** Formats dead letters as a table with one line each, cut to `width` columns. */
export function deadLetterTable(deadLetters: readonly StoredDeadLetter[], width: number): string {
  const stateColumn: Column<StoredDeadLetter> = { head: 'state', of: ({ state }) => stateText(state) };
  const hasSettled = deadLetters.some(({ state }) => state !== 'waiting');
  const columns: Column<StoredDeadLetter>[] = [
    { head: 'id', of: shortId },
    {
      head: 'rejected, UTC',
      of: ({ rejectedAtMs }) => timeText(rejectedAtMs).slice(0, 16).replace('T', ' '),
    },
    { head: 'stream', of: ({ stream }) => stream },
    { head: 'step', of: ({ step }) => step },
    ...(hasSettled ? [stateColumn] : []),
    { head: 'code', of: ({ code }) => code },
    { head: 'reason', of: ({ reason }) => reason },
  ];
  const lines = textTable(columns, deadLetters).split('\n');
  return lines.map((line) => cut(line, width)).join('\n');
}

/** Returns the name of a state for users: `waiting` is shown as `pending`. */
export function stateText(state: StoredDeadLetter['state']): string {
  return state === 'waiting' ? 'pending' : state;
}

/**
 * Returns the counts by kind, if there are several kinds, then a line with the totals.
 * @param shown the number of dead letters in the table above.
 */
export function totalLines(deadLetters: readonly StoredDeadLetter[], shown: number): string {
  const countOf = (wanted: StoredDeadLetter['state']) =>
    deadLetters.filter(({ state }) => state === wanted).length;
  const waiting = countOf('waiting');
  const parts = [waiting === 0 ? NONE_PENDING : `${several(waiting, 'dead letter')} pending`];
  for (const state of ['redriven', 'discarded'] as const)
    if (countOf(state) > 0) parts.push(`${countOf(state)} ${state}`);
  const hidden = deadLetters.length - shown;
  if (hidden > 0) parts.push(`${hidden} not shown: --limit ${deadLetters.length} shows all`);
  return [...kindLines(deadLetters), parts.join(', ')].join('\n');
}

export const NONE_PENDING = 'no dead letters pending';

/** Returns the counts by kind if there are several kinds, so that a rare kind remains visible. */
function kindLines(deadLetters: readonly StoredDeadLetter[]): string[] {
  const counts = new Map<string, number>();
  for (const { stream, step, code } of deadLetters) {
    const kind = `${stream}  ${step}  ${visibleLine(code)}`;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  if (counts.size < 2) return [];
  return [...counts].sort(([, a], [, b]) => b - a).map(([kind, count]) => `${count} × ${kind}`);
}

/** Formats all fields of a dead letter, one per line. Long values continue on the next line. */
export function deadLetterDetails(deadLetter: StoredDeadLetter, width: number): string {
  const { id, state, rejectedAtMs, headers, bytes } = deadLetter;
  const fields: (readonly [name: string, value: string])[] = [
    ['id', id.slice(0, 2 * SHORT_ID_DIGITS)],
    ['rejected', timeText(rejectedAtMs)],
    ...Object.entries(headers).map(([name, value]) => {
      const text = headerText(value);
      return [visibleLine(name), name === deadLetterHeaders.key ? shownKey(text) : text] as const;
    }),
    ...(headers['state'] === undefined ? [['state', stateText(state)] as const] : []),
    ['bytes', String(bytes)],
  ];
  const room = Math.max(MIN_WRAP, width - Math.max(...fields.map(([name]) => name.length)) - 4);
  return textTable(
    [
      { head: 'header', of: ([name]) => name },
      { head: 'value', of: ([, value]) => value },
    ],
    fields.flatMap(([name, value]) =>
      fold(value, room).map((part, index) => [index === 0 ? name : '', part] as const),
    ),
  );
}

/** Returns the headers as text, or as hex digits where they are not text. */
export function headerTexts({ headers }: StoredDeadLetter): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, headerText(value)]));
}

export function deadLetterJson(deadLetter: StoredDeadLetter): Readonly<Record<string, unknown>> {
  const { id, key, stream, step, code, reason, recordKey, rejectedAtMs, state, redrivenMs } = deadLetter;
  return {
    id,
    key,
    setAsideAt: timeText(rejectedAtMs),
    stream,
    step,
    code,
    reason,
    state,
    attempts: deadLetter.attempts,
    ...(state === 'redriven' && redrivenMs !== undefined && { redrivenAt: timeText(redrivenMs) }),
    ...(recordKey !== undefined && { recordKey }),
    ...(step === 'sink' && {
      topic: deadLetter.topic,
      partition: deadLetter.partition,
      offset: deadLetter.offset,
      timestamp: timeText(deadLetter.timestampMs),
    }),
    bytes: deadLetter.bytes,
  };
}

/** Formats offset, bytes and characters, 16 bytes per line, up to the first 4 KiB. */
export function hexDump(bytes: Buffer): string {
  const lines: string[] = [];
  const end = hexPart(bytes).length;
  for (let at = 0; at < end; at += HEX_ROW_BYTES) {
    const row = bytes.subarray(at, Math.min(at + HEX_ROW_BYTES, end));
    const hex = Array.from(row, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = row.toString('latin1').replace(/[^\x20-\x7e]/g, '.');
    lines.push(`${at.toString(16).padStart(8, '0')}  ${hex.padEnd(HEX_ROW_BYTES * 3 - 1)}  |${text}|`);
  }
  if (bytes.length > end) lines.push(`… and ${several(bytes.length - end, 'byte')} more`);
  return lines.join('\n');
}

export function hexPart(bytes: Buffer): Buffer {
  return bytes.subarray(0, MAX_HEX_BYTES);
}

/** Folds text into lines of at most `width` and indents all but the first. */
export function foldLines(text: string, width: number): string {
  return fold(text, width, '    ').join('\n');
}

/** Breaks lines between words. A word that is longer than a line continues on the next. */
function fold(text: string, width: number, indent = ''): string[] {
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

function headerText(value: Buffer): string {
  const text = value.toString('utf8');
  const isText = Buffer.from(text).equals(value) && !/\p{Cc}/u.test(text);
  return isText ? visibleLine(text) : value.toString('hex');
}

/** Formats a time as ISO 8601 in UTC, or as milliseconds if `Date` cannot represent it. */
function timeText(ms: number): string {
  const time = new Date(ms);
  return Number.isNaN(time.getTime()) ? `${ms} ms` : time.toISOString();
}
