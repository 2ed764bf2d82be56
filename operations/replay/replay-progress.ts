import { aligned, bar, clock, cut, drawLive, fitRows, grouped } from '../../core/terminal/live-cells.ts';
import { liveLines } from '../../core/terminal/live-lines.ts';
import type { ReplayCounts } from './replay-counts.ts';

const MAX_NAME_WIDTH = 28;
const MAX_BAR_WIDTH = 20;
const MIN_BAR_WIDTH = 4;

/** Draws a line for each stream that is being replayed; see `drawLive`. */
export function startReplayProgress(
  counts: readonly ReplayCounts[],
  out: NodeJS.WriteStream,
): { stop(): void } {
  return drawLive(out, liveLines, (width, rows) => replayLines(counts, performance.now(), width, rows - 1));
}

/** `customers  ████████░░░░  62 %  1,240,000  231,000/s  0:12 left` */
export function replayLines(
  counts: readonly ReplayCounts[],
  nowMs: number,
  width: number,
  rows: number,
): string[] {
  const active = counts.filter(({ state }) => !['waiting', 'done', 'failed'].includes(state));
  const waiting = counts.filter(({ state }) => state === 'waiting').length;
  const { shown, hidden } = fitRows(active, rows, waiting > 0);
  const names = aligned(
    shown.map(({ stream }) => cut(stream, MAX_NAME_WIDTH)),
    'left',
  );
  const cells = shown.map((count) => cellsOf(count, nowMs));
  const columns = [0, 1, 2].map((column) =>
    aligned(
      cells.map((row) => row[column] ?? ''),
      'right',
    ),
  );
  const lines = shown.map((count, index) => {
    const texts = columns.map((column) => column[index] ?? '');
    const free = width - [names[index], ...texts].join('  ').length - 2;
    const bars = free < MIN_BAR_WIDTH ? [] : [bar(shareOf(count), Math.min(free, MAX_BAR_WIDTH), nowMs)];
    return cut([names[index] ?? '', ...bars, ...texts].join('  ').trimEnd(), width);
  });
  const more = waiting + hidden;
  return more > 0 ? [...lines, cut(`and ${more} more`, width)] : lines;
}

/** 0 to 1; undefined where the work has no measure. */
function shareOf({ state, offsets, passed }: ReplayCounts): number | undefined {
  return state === 'filling' && offsets > 0 ? Math.min(1, passed / offsets) : undefined;
}

const words: Partial<Record<ReplayCounts['state'], string>> = {
  preparing: 'prepares',
  following: 'follows',
  swapping: 'swaps',
  proving: 'proves',
};

function cellsOf(count: ReplayCounts, nowMs: number): string[] {
  const { state, rows, offsets, passed, startedMs } = count;
  const share = shareOf(count);
  const seconds = startedMs === undefined ? 0 : (nowMs - startedMs) / 1000;
  if (share === undefined) return [words[state] ?? '', `${grouped(rows)} rows`, ''];
  const perSecond = passed / Math.max(seconds, 0.1);
  const left = perSecond > 0 ? `${clock(Math.ceil((offsets - passed) / perSecond))} left` : '';
  return [`${Math.floor(share * 100)} %`, `${grouped(Math.round(perSecond))}/s`, left];
}
