import { approximate, clock, grouped, several } from '../../core/terminal/amounts.ts';
import { cut, firstFitting, joinCells, padCells } from '../../core/terminal/columns.ts';
import { drawLive, liveLines } from '../../core/terminal/live-lines.ts';
import { fitRows } from '../../core/terminal/progress-lines.ts';
import type { SinkCounts, SinkState } from './sink-counts.ts';

/** Rows arrive in batches, so their rate would fluctuate over a shorter window. */
const RATE_WINDOW_MS = 5_000;
/** A table with no lag, and no new rows for this long, is folded into the line of idle tables. */
const IDLE_AFTER_MS = 10_000;

const stateTexts: Readonly<Record<SinkState, string>> = {
  learning: 'preparing the table',
  positioning: 'finding resume offsets',
  flowing: '',
  inserting: '',
  stopping: '',
  waiting: 'waiting for a service',
  failed: 'failed',
};

/** Draws the progress of all streams, including those added later. `stop` removes it. */
export function startSinkProgress(
  counts: readonly SinkCounts[],
  out: NodeJS.WriteStream,
  lines = liveLines,
): { stop(): void } {
  const progress = new SinkProgress(counts, performance.now());
  return drawLive(out, lines, (width, rows) => progress.lines(performance.now(), width, rows));
}

/** Formats a sink's progress. Keeps the row counts of the last few seconds for the current rate. */
export class SinkProgress {
  readonly #counts: readonly SinkCounts[];
  readonly #startedAtMs: number;
  readonly #histories = new Map<SinkCounts, RowHistory>();

  /** @param nowMs a time from `performance.now()`, here and below. */
  constructor(counts: readonly SinkCounts[], nowMs: number) {
    this.#counts = counts;
    this.#startedAtMs = nowMs;
  }

  /**
   * Returns a line for each busy table that fits, one for the other tables, if any, and one for the
   * total. Leaves one row free.
   */
  lines(nowMs: number, width: number, rows: number): string[] {
    const tables = this.#counts.map((counts) => ({ counts, history: this.#noted(counts, nowMs) }));
    const room = rows - 2;
    if (room < 0) return [];
    const active = tables.filter((table) => isAtWork(table, nowMs));
    const idle = tables.length - active.length;
    const { shown, hidden } = fitRows(active, room, idle > 0);
    const rest = [
      ...(hidden > 0 ? [`and ${hidden} more`] : []),
      ...(idle > 0 ? [`${several(idle, 'table')} idle`] : []),
    ];
    return [
      ...tableLines(shown, width),
      ...(rest.length > 0 && room > 0 ? [rest.join(', ')] : []),
      totalLine(tables, Math.floor((nowMs - this.#startedAtMs) / 1000)),
    ].map((line) => cut(line, width));
  }

  #noted(counts: SinkCounts, nowMs: number): RowHistory {
    const history = this.#histories.get(counts) ?? new RowHistory();
    this.#histories.set(counts, history);
    history.note(nowMs, counts.rows);
    return history;
  }
}

interface Table {
  readonly counts: SinkCounts;
  readonly history: RowHistory;
}

class RowHistory {
  #notes: readonly { readonly atMs: number; readonly rows: number }[] = [];
  grewAtMs = -Infinity;

  note(atMs: number, rows: number): void {
    if (rows !== (this.#notes.at(-1)?.rows ?? 0)) this.grewAtMs = atMs;
    const recent = this.#notes.filter((note) => note.atMs > atMs - RATE_WINDOW_MS);
    // A count from before the window, so that the rate covers the entire window.
    const before = this.#notes.at(-recent.length - 1);
    this.#notes = [...(before === undefined ? [] : [before]), ...recent, { atMs, rows }];
  }

  get rowsPerSecond(): number {
    const [first, last] = [this.#notes[0], this.#notes.at(-1)];
    if (first === undefined || last === undefined) return 0;
    return (last.rows - first.rows) / Math.max(1, (last.atMs - first.atMs) / 1000);
  }
}

function isAtWork({ counts, history }: Table, nowMs: number): boolean {
  if (counts.oldestRowMs !== undefined || lagOf(counts) > 0 || stateTexts[counts.state] !== '') return true;
  return nowMs - history.grewAtMs < IDLE_AFTER_MS;
}

/**
 * Returns lines such as `customers_raw  1,240,000 rows  lag ~12,000  45,600/s`. Omits columns that
 * do not fit.
 */
function tableLines(tables: readonly Table[], width: number): string[] {
  const rateOf = ({ counts, history }: Table) =>
    stateTexts[counts.state] === '' ? rateText(history.rowsPerSecond) : '';
  const rates = padCells(
    tables.map((table) => [rateOf(table)]),
    ['right'],
  );
  const rows = padCells(
    tables.map(({ counts }, index) => [
      counts.table,
      several(counts.rows, 'row'),
      counts.lag.size === 0 ? '' : lagText(lagOf(counts)),
      stateTexts[counts.state] || (rates[index]?.[0] ?? ''),
    ]),
    ['left', 'right', 'right', 'left'],
  );
  const variants = [0, 1, 2].map((left) =>
    rows.map(([name = '', ...cells]) => joinCells([name, ...cells.slice(left)])).join('\n'),
  );
  return tables.length === 0 ? [] : firstFitting(width, variants).split('\n');
}

/** Returns `27 tables, 1 failed, 3 dead letters  5,678,901 rows  lag ~12,345  123,456/s  1:05`. */
function totalLine(tables: readonly Table[], seconds: number): string {
  const sum = (of: (table: Table) => number) => tables.reduce((total, table) => total + of(table), 0);
  const failed = tables.filter(({ counts }) => counts.state === 'failed').length;
  const deadLetters = sum(({ counts }) => counts.deadLetters);
  const rows = sum(({ counts }) => counts.rows);
  return [
    [
      several(tables.length, 'table'),
      ...(failed > 0 ? [`${failed} failed`] : []),
      ...(deadLetters > 0 ? [several(deadLetters, 'dead letter')] : []),
    ].join(', '),
    several(rows, 'row'),
    // The lag of a table that waits for a service may be unknown.
    tables.some(({ counts }) => counts.state === 'waiting' && counts.lag.size === 0)
      ? 'lag ?'
      : lagText(sum(({ counts }) => lagOf(counts))),
    rateText(sum(({ history }) => history.rowsPerSecond)),
    clock(seconds),
  ].join('  ');
}

function rateText(rowsPerSecond: number): string {
  return `${grouped(Math.round(rowsPerSecond))}/s`;
}

function lagOf({ lag }: SinkCounts): number {
  return [...lag.values()].reduce((total, messages) => total + messages, 0);
}

function lagText(messages: number): string {
  return `lag ${approximate(messages)}`;
}
