import { clock, grouped, several } from '../../core/terminal/amounts.ts';
import { cut } from '../../core/terminal/columns.ts';
import { drawLive, liveLines } from '../../core/terminal/live-lines.ts';
import { fitRows, progressRows } from '../../core/terminal/progress-lines.ts';
import { requestsPerSecond, type StreamCounts } from './stream-counts.ts';

/** Draws the progress of a run at the bottom of a terminal until `stop` removes it. */
export function startProgress(
  counts: readonly StreamCounts[],
  out: NodeJS.WriteStream,
  lines = liveLines,
): { stop(): void } {
  return drawLive(out, lines, (width, rows) => progressLines(counts, Date.now(), width, rows));
}

/**
 * Returns a line for each stream in progress, then a line for the whole run. If not all fit, the
 * streams that began first are shown. One row of the terminal stays free for the cursor.
 */
export function progressLines(
  counts: readonly StreamCounts[],
  nowMs: number,
  width: number,
  rows: number,
): string[] {
  const room = rows - 2;
  if (room < 0) return [];
  const active = counts
    .filter(({ state }) => state === 'reading' || state === 'deleting')
    .sort((a, b) => a.startedAtMs - b.startedAtMs);
  const { shown, hidden } = fitRows(active, room);
  const more = hidden > 0 && room > 0 ? [`and ${hidden} more`] : [];
  const lines = progressRows(
    shown.map((count) => ({
      name: count.stream,
      share: shareRead(count),
      cells: [progressText(count), recordsText(count), rateText(count, nowMs)],
    })),
    nowMs,
    width,
  );
  return [...lines, ...more, runLine(counts, nowMs)].map((line) => cut(line, width));
}

/**
 * Returns the share of the expected pages that was read, from 0 to 1; undefined if their number is
 * unknown, and while deletes are sent.
 */
function shareRead({ state, pages, expectedPages = 0 }: StreamCounts): number | undefined {
  return state === 'deleting' || expectedPages <= 0 ? undefined : Math.min(1, pages / expectedPages);
}

function progressText(count: StreamCounts): string {
  if (count.state === 'deleting') return 'deletes';
  const share = shareRead(count);
  // The list may have grown since the last run, so only a complete stream counts as 100%.
  return share === undefined ? several(count.pages, 'page') : `${Math.min(99, Math.floor(share * 100))} %`;
}

function recordsText({ state, records, deleted }: StreamCounts): string {
  return state === 'deleting' ? `${grouped(deleted)} deleted` : several(records, 'record');
}

function rateText({ state, records, startedAtMs }: StreamCounts, nowMs: number): string {
  if (state === 'deleting') return '';
  return `${grouped(Math.round(records / Math.max(1, (nowMs - startedAtMs) / 1000)))}/s`;
}

/** Returns `3 of 25 streams done, 1 failed  12,345 records  37.2 requests/s  1:05`. */
function runLine(counts: readonly StreamCounts[], nowMs: number): string {
  const known = counts.filter(({ isAbsent }) => !isAbsent);
  const done = known.filter(({ state }) => state === 'done').length;
  const failed = known.filter(({ state }) => state === 'failed').length;
  const begun = known.map(({ startedAtMs }) => startedAtMs).filter((startedAtMs) => startedAtMs > 0);
  const seconds = Math.max(0, nowMs - Math.min(nowMs, ...begun)) / 1000;
  const [records, requests] = [sum(known, 'records'), sum(known, 'requests')];
  return [
    `${done} of ${several(known.length, 'stream')} done${failed > 0 ? `, ${failed} failed` : ''}`,
    several(records, 'record'),
    `${requestsPerSecond(requests, seconds).toFixed(1)} requests/s`,
    clock(Math.floor(seconds)),
  ].join('  ');
}

function sum(counts: readonly StreamCounts[], name: 'records' | 'requests'): number {
  return counts.reduce((total, count) => total + count[name], 0);
}
