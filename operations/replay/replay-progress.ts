import { clock, grouped, several } from '../../core/terminal/amounts.ts';
import { cut } from '../../core/terminal/columns.ts';
import { fitRows, progressRows } from '../../core/terminal/progress-lines.ts';
import type { ReplayCounts } from './replay-counts.ts';

/** Returns lines such as `customers  ███████░░░░░  62 %  231,000/s  0:12 left`. */
export function replayLines(
  counts: readonly ReplayCounts[],
  nowMs: number,
  width: number,
  rows: number,
): string[] {
  const active = counts.filter(({ state }) => !['waiting', 'done', 'failed'].includes(state));
  const waiting = counts.filter(({ state }) => state === 'waiting').length;
  const { shown, hidden } = fitRows(active, rows, waiting > 0);
  const lines = progressRows(
    shown.map((count) => ({ name: count.stream, share: shareOf(count), cells: cellsOf(count, nowMs) })),
    nowMs,
    width,
  );
  const more = waiting + hidden;
  return more > 0 ? [...lines, cut(`and ${more} more`, width)] : lines;
}

/** Returns 0 to 1; undefined while the replay is not filling the table. */
function shareOf({ state, offsets, passed }: ReplayCounts): number | undefined {
  return state === 'filling' && offsets > 0 ? Math.min(1, passed / offsets) : undefined;
}

function cellsOf(count: ReplayCounts, nowMs: number): string[] {
  const { state, rows, offsets, passed, startedMs } = count;
  const share = shareOf(count);
  if (share === undefined) return [state, several(rows, 'row'), ''];
  const seconds = startedMs === undefined ? 0 : (nowMs - startedMs) / 1000;
  const perSecond = passed / Math.max(seconds, 0.1);
  const left = perSecond > 0 ? `${clock(Math.ceil((offsets - passed) / perSecond))} left` : '';
  return [`${Math.floor(share * 100)} %`, `${grouped(Math.round(perSecond))}/s`, left];
}
