import { aligned, cut } from '../../core/terminal/live-cells.ts';
import { textTable } from '../../core/terminal/text-table.ts';
import { ago } from './ago.ts';
import { messagesOf, type Status, type StreamStatus, type Warning } from './stream-status.ts';

const NONE = '–';
const UNKNOWN = '?';

/** So many subjects of one warning are named. */
const MAX_NAMED = 3;

type Format = (value: bigint) => string;

/**
 * The status for people: a table with a line for each stream, then warnings and problems, a line each. Numbers are shortened, and then names cut, until
 * the table fits.
 *
 * @param width columns of the terminal.
 */
export function statusText({ atMs, streams, warnings }: Status, width: number): string {
  if (streams.length === 0) return 'no stream has a topic or a table yet; run `npm run produce`';
  const notes = [
    ...(streams.some(({ topic }) => topic === undefined) || streams.some(({ table }) => table === undefined)
      ? [`${UNKNOWN} stands for what could not be asked`]
      : []),
    ...streams.flatMap(({ stream, lastRun }) =>
      lastRun?.absence === undefined ? [] : `${stream} is absent from this account: ${lastRun.absence}`,
    ),
    ...sharedLines('warning', warnings),
    ...sharedLines(
      'problem',
      streams.flatMap(({ stream, problems }) => problems.map((message) => ({ about: stream, message }))),
    ),
  ];
  return [fittingTable(streams, atMs, width), ...(notes.length === 0 ? [] : ['', ...notes])].join('\n');
}

function fittingTable(streams: readonly StreamStatus[], atMs: number, width: number): string {
  const whole = table(streams, atMs, grouped, Infinity);
  if (widthOf(whole) <= width) return whole;
  const shortened = table(streams, atMs, short, Infinity);
  const excess = widthOf(shortened) - width;
  const longest = Math.max(...streams.map(({ stream }) => stream.length));
  return excess <= 0 ? shortened : table(streams, atMs, short, Math.max(MIN_NAME, longest - excess));
}

const MIN_NAME = 8;

function table(streams: readonly StreamStatus[], atMs: number, format: Format, nameWidth: number): string {
  const numbers = (head: string, of: (status: StreamStatus) => bigint | null | undefined) =>
    aligned([head, ...streams.map((status) => cell(of(status), format))], 'right');
  const texts = (head: string, of: (status: StreamStatus) => string) => [head, ...streams.map(of)];
  const hasLetters = streams.some(({ deadLetters }) => deadLetters !== 0);
  const columns = [
    texts('stream', ({ stream }) => cut(stream, nameWidth)),
    numbers('messages', ({ topic }) => topic && messagesOf(topic)),
    numbers('lag', ({ lag }) => lag),
    numbers('rows', ({ table: stored }) => stored && stored.rows),
    texts('produced', (status) => producedCell(status, atMs)),
    texts('checkpoint', ({ checkpoint }) =>
      cell(checkpoint, ({ isComplete, pages }) =>
        isComplete ? 'complete' : `page ${format(BigInt(pages))}`,
      ),
    ),
    ...(hasLetters
      ? [numbers('dead', ({ deadLetters: count }) => (count === undefined ? count : BigInt(count)))]
      : []),
  ];
  const [head = [], ...rows] = ['', ...streams].map((_, row) => columns.map((column) => column[row] ?? ''));
  return textTable(head, rows);
}

/** When, and how if not well: `3m ago`, `failed 3m ago`. */
function producedCell({ lastRun }: StreamStatus, atMs: number): string {
  return cell(lastRun, ({ outcome, finishedAtMs }) => {
    const when = ago(finishedAtMs, atMs);
    return outcome === 'done' ? when : `${outcome} ${when}`;
  });
}

function cell<T>(value: T | null | undefined, format: (value: T) => string): string {
  if (value === undefined) return UNKNOWN;
  return value === null ? NONE : format(value);
}

/** A message that several topics or streams share is one line. */
function sharedLines(kind: string, warnings: readonly Warning[]): string[] {
  const subjects = new Map<string, string[]>();
  for (const { about, message } of warnings) subjects.set(message, [...(subjects.get(message) ?? []), about]);
  return [...subjects].map(([message, about]) => {
    const named = about.slice(0, MAX_NAMED).join(', ');
    const more = about.length > MAX_NAMED ? ` and ${about.length - MAX_NAMED} more` : '';
    return `${kind}: ${named}${more}: ${message}`;
  });
}

function grouped(value: bigint): string {
  return value.toLocaleString('en-US');
}

/** `999`, `9.9k`, `120M`: at most four characters up to a million billions. */
function short(value: bigint): string {
  let rest = Number(value);
  for (const unit of ['', 'k', 'M', 'G']) {
    if (rest < 999.5)
      return unit === '' || rest >= 9.95 ? `${Math.round(rest)}${unit}` : rest.toFixed(1) + unit;
    rest /= 1000;
  }
  return `${Math.round(rest)}T`;
}

function widthOf(text: string): number {
  return Math.max(...text.split('\n').map(({ length }) => length));
}
