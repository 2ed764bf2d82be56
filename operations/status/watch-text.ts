import { ago, several, shortNumber } from '../../core/terminal/amounts.ts';
import { cut, textTable, type Column } from '../../core/terminal/columns.ts';
import { fitRows } from '../../core/terminal/progress-lines.ts';
import { problemText } from './problem.ts';
import { ratesOf, totalRates, type StreamRates } from './rates.ts';
import { sharedLines } from './status-text.ts';
import type { StatusSample } from './status-sampler.ts';
import type { StreamStatus } from './stream-status.ts';

const [NONE, UNKNOWN] = ['–', '?'];
const INDENT = '  ';
/** Maximum width of a name, so that all columns fit into 80 characters. */
const MAX_NAME = 30;

/**
 * Returns the overview of `status --watch`: a line of totals, what needs attention, then a line per
 * stream.
 */
export function watchLines(
  { status, rates }: StatusSample,
  { columns, rows, nowMs }: { readonly columns: number; readonly rows: number; readonly nowMs: number },
): string[] {
  const { streams, warnings, failures } = status;
  const problems = streams.flatMap(({ stream, problems }) =>
    problems.map((problem) => ({ about: stream, message: problemText(problem) })),
  );
  const needs = [
    ...failures,
    ...sharedLines('problem', problems),
    ...sharedLines('warning', warnings),
  ].flatMap((text) => wrapped(text, columns));
  // The streams keep half of the screen.
  const shown = fitRows(needs, Math.max(3, Math.floor((rows - 4) / 2)));
  const head = [
    headLine(status.atMs, nowMs, rates, streams),
    ...(needs.length === 0 ? [] : ['', ...shown.shown]),
    ...(shown.hidden === 0 ? [] : [`… ${several(shown.hidden, 'more line')}: npm run status`]),
    '',
  ];
  if (streams.length === 0) return [...head, 'no stream has a topic or a table yet; run `npm run produce`'];
  const table = textTable(columnsFor(rates, nowMs), [...streams].sort(byUrgency)).split('\n');
  const { shown: body, hidden } = fitRows(table, rows - head.length);
  return [...head, ...body, ...(hidden === 0 ? [] : [`… ${several(hidden, 'more stream')}`])].map((line) =>
    cut(line, columns),
  );
}

function headLine(
  atMs: number,
  nowMs: number,
  rates: StatusSample['rates'],
  streams: readonly StreamStatus[],
): string {
  const { producedPerSecond, sunkPerSecond } = totalRates(rates.values());
  const lag = streams.reduce((sum, stream) => sum + (stream.lag ?? 0n), 0n);
  const time = new Date(atMs).toISOString().slice(11, 19);
  return `${time} UTC (${ago(atMs, nowMs)})  topics +${rateText(producedPerSecond)}/s  sink ${rateText(sunkPerSecond)}/s  lag ${shortNumber(lag)}`;
}

function columnsFor(rates: StatusSample['rates'], nowMs: number): readonly Column<StreamStatus>[] {
  const rateCell = (stream: string, name: keyof StreamRates) =>
    rateText(ratesOf(rates, stream)[name]).padStart(5);
  return [
    { head: 'stream', of: ({ stream }) => cut(stream, MAX_NAME) },
    { head: ' in/s', of: ({ stream }) => rateCell(stream, 'producedPerSecond') },
    { head: 'sunk/s', of: ({ stream }) => rateCell(stream, 'sunkPerSecond').padStart(6) },
    { head: '   lag', of: ({ lag }) => numberText(lag).padStart(6) },
    { head: '  rows', of: ({ table }) => numberText(table && table.rows).padStart(6) },
    { head: 'produced', of: ({ lastRun }) => runText(lastRun, nowMs) },
    { head: 'dead', of: ({ deadLetters }) => numberText(deadLetters).padStart(4) },
  ];
}

function runText(lastRun: StreamStatus['lastRun'], nowMs: number): string {
  if (lastRun === undefined) return UNKNOWN;
  if (lastRun === null) return NONE;
  const when = ago(lastRun.finishedAtMs, nowMs);
  return lastRun.outcome === 'done' ? when : `${lastRun.outcome} ${when}`;
}

function numberText(value: number | bigint | null | undefined): string {
  if (value === undefined) return UNKNOWN;
  return value === null ? NONE : shortNumber(value);
}

/** Formats a rate, which is unknown until there are two samples. */
function rateText(rate: number | undefined): string {
  return rate === undefined ? NONE : shortNumber(rate);
}

/** Sorts streams with problems first, then those with lag. Otherwise keeps their order. */
function byUrgency(a: StreamStatus, b: StreamStatus): number {
  const urgency = ({ problems, lag }: StreamStatus) => (problems.length > 0 ? 2 : lag ? 1 : 0);
  return urgency(b) - urgency(a);
}

/** Breaks text at spaces, with an indent after the first line. */
function wrapped(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = INDENT + word;
    } else line += line === '' ? word : ` ${word}`;
  }
  return [...lines, line].map((part) => cut(part, columns));
}
