import { ago, approximate, formatNumber, shortNumber } from '../../core/terminal/amounts.ts';
import { cut, firstFitting, textTable, type Cell, type Column } from '../../core/terminal/columns.ts';
import { groupProblems } from './attention.ts';
import { problemText } from './problem.ts';
import { messagesOf, type Status, type StreamStatus } from './stream-status.ts';

const NONE = '–';
const UNKNOWN = '?';
const APPROXIMATE = '~ counts offsets; transactions and compaction leave some without a message';
/** Maximum number of subjects in the line of one warning or problem. */
const MAX_NAMED = 3;
const MIN_NAME = 8;

/**
 * Formats the status as text: a table with one line per stream, then notes, warnings and problems.
 * Shortens numbers, and then names, until the table fits the width.
 */
export function statusText({ atMs, streams, warnings }: Status, width: number): string {
  if (streams.length === 0) return 'no stream has a topic or a table yet; run `npm run produce`';
  const hasUnknown = streams.some(({ topic, table }) => topic === undefined || table === undefined);
  const notes = [
    ...(streams.some(({ topic, lag }) => lag || (topic && messagesOf(topic) > 0n)) ? [APPROXIMATE] : []),
    ...(hasUnknown ? [`${UNKNOWN} marks values whose service did not respond`] : []),
    ...streams.flatMap(({ stream, lastRun }) =>
      lastRun?.absence === undefined ? [] : `${stream} is absent from this account: ${lastRun.absence}`,
    ),
    ...sharedLines('warning', warnings),
    ...sharedLines(
      'problem',
      groupProblems(streams.flatMap(({ problems }) => problems)).flatMap((group) =>
        group.about.map((about) => ({ about, message: problemText(group) })),
      ),
    ),
  ];
  const table = firstFitting(width, tables(streams, atMs, width));
  return [table, ...(notes.length === 0 ? [] : ['', ...notes])].join('\n');
}

/** Yields the full table, then one with short numbers, then one with short names too. */
function* tables(streams: readonly StreamStatus[], atMs: number, width: number): Generator<string> {
  yield tableOf(streams, atMs, formatNumber, Infinity);
  const shortened = tableOf(streams, atMs, shortNumber, Infinity);
  yield shortened;
  const excess = Math.max(...shortened.split('\n').map(({ length }) => length)) - width;
  const longest = Math.max(...streams.map(({ stream }) => stream.length));
  yield tableOf(streams, atMs, shortNumber, Math.max(MIN_NAME, longest - excess));
}

function tableOf(
  streams: readonly StreamStatus[],
  atMs: number,
  format: (value: number | bigint) => string,
  nameWidth: number,
): string {
  const offsets = (value: number | bigint) => approximate(value, format);
  const columns: Column<StreamStatus>[] = [
    { head: 'stream', of: ({ stream }) => cut(stream, nameWidth) },
    { head: 'messages', of: ({ topic }) => cell(topic, messagesOf), format: offsets },
    { head: 'lag', of: ({ lag }) => cell(lag), format: offsets },
    { head: 'rows', of: ({ table }) => cell(table, ({ rows }) => rows) },
    ...(streams.some(({ history }) => history !== undefined)
      ? [{ head: 'versions', of: ({ history }: StreamStatus) => cell(history ?? null, ({ rows }) => rows) }]
      : []),
    { head: 'produced', of: ({ lastRun }) => cell(lastRun, (run) => producedText(run, atMs)) },
    {
      head: 'checkpoint',
      of: ({ checkpoint }) =>
        cell(checkpoint, ({ isComplete, pages }) => (isComplete ? 'complete' : `page ${format(pages)}`)),
    },
    { head: 'dead', of: ({ deadLetters }) => cell(deadLetters) },
  ];
  const hasDeadLetters = streams.some(({ deadLetters }) => deadLetters !== 0);
  return textTable(hasDeadLetters ? columns : columns.slice(0, -1), streams, format);
}

/** Returns `3m ago` for a run that succeeded, and for example `failed 3m ago` for any other run. */
function producedText({ outcome, finishedAtMs }: NonNullable<StreamStatus['lastRun']>, atMs: number): string {
  const when = ago(finishedAtMs, atMs);
  return outcome === 'done' ? when : `${outcome} ${when}`;
}

function cell<T>(value: T | null | undefined, of: (value: T) => Cell = (known) => known as Cell): Cell {
  if (value === undefined) return UNKNOWN;
  return value === null ? NONE : of(value);
}

/** Returns one line for each message, with the subjects that share it. */
export function sharedLines(
  kind: string,
  warnings: readonly { readonly about: string; readonly message: string }[],
): string[] {
  const subjects = new Map<string, string[]>();
  for (const { about, message } of warnings) subjects.set(message, [...(subjects.get(message) ?? []), about]);
  return [...subjects].map(([message, about]) => {
    const named = about.slice(0, MAX_NAMED).join(', ');
    const more = about.length > MAX_NAMED ? ` and ${about.length - MAX_NAMED} more` : '';
    return `${kind}: ${named}${more}: ${message}`;
  });
}
