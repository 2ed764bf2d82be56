import uPlot from 'uplot';
import type { ChartData, ChartSeries } from './chart-data.ts';
import { stacked } from './stacked.ts';

export interface Drawing {
  readonly remove: () => void;
}

const MAX_BAR_PX = 36;
/** The minimum distance between labels on the x axis, by kind. */
const LABEL_SPACE_PX = { name: 76, number: 64, time: 96 } as const;

/** Draws a chart that follows the width of its frame and the theme. */
export function drawChart(
  frame: HTMLElement,
  data: ChartData,
  height: number,
  onHover: (at: number | undefined) => void,
): Drawing {
  let plot: uPlot | undefined;
  const draw = () => {
    plot?.destroy();
    plot = new uPlot(optionsOf(frame, data, height, onHover), alignedData(data), frame);
  };
  const resized = new ResizeObserver(() => plot?.setSize({ width: frame.clientWidth, height }));
  const system = matchMedia('(prefers-color-scheme: dark)');
  draw();
  resized.observe(frame);
  addEventListener('themechange', draw);
  system.addEventListener('change', draw);
  return {
    remove: () => {
      resized.disconnect();
      removeEventListener('themechange', draw);
      system.removeEventListener('change', draw);
      plot?.destroy();
    },
  };
}

/** Returns the series in drawing order. Stacked bars overlap: shorter ones cover longer ones. */
function drawnSeries({ series, isStacked = false }: ChartData): readonly ChartSeries[] {
  if (!isStacked) return series;
  const bars = series.filter(({ kind }) => kind === 'bar');
  const sums = stacked(bars.map(({ values }) => values));
  const outermostFirst = bars.map((bar, at) => ({ ...bar, values: sums[at] ?? [] })).reverse();
  return [...outermostFirst, ...series.filter(({ kind }) => kind !== 'bar')];
}

function alignedData(data: ChartData): uPlot.AlignedData {
  return [[...data.xs], ...drawnSeries(data).map(({ values }) => [...values])];
}

function optionsOf(
  frame: HTMLElement,
  data: ChartData,
  height: number,
  onHover: (at: number | undefined) => void,
): uPlot.Options {
  const color = (name: string) => colorOf(frame, name);
  const { fontFamily } = getComputedStyle(frame);
  const axis = { stroke: color('--muted'), font: `11px ${fontFamily}`, ticks: { show: false } };
  const grid = { stroke: color('--line'), width: 1 };
  const hasBars = data.series.some(({ kind }) => kind === 'bar');
  const [first = 0, last = 0] = [data.xs[0], data.xs.at(-1)];
  const gap = data.xs.length > 1 ? (last - first) / (data.xs.length - 1) : 1;
  const margin = data.xKind === 'name' || hasBars ? gap / 2 : 0;
  return {
    width: frame.clientWidth,
    height,
    padding: [8, 12, 0, 4],
    legend: { show: false },
    cursor: { y: false, drag: { setScale: false }, points: { size: 7 } },
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1_000), 'Etc/UTC'),
    scales: {
      x: { time: data.xKind === 'time', range: () => [first - margin, last + margin || 1] },
      y: { range: yRange },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        space: LABEL_SPACE_PX[data.xKind],
        // Time labels have two lines.
        size: data.xKind === 'time' ? 44 : 28,
        ...(data.xKind === 'name' && {
          incrs: [1, 2, 3, 6, 12, 24, 60, 120, 600, 1_200, 6_000],
          values: (_: uPlot, splits: number[]) =>
            splits.map((at) => (data.xs.includes(at) ? data.xText(at) : '')),
        }),
      },
      {
        ...axis,
        grid,
        space: 36,
        size: (_, values: string[] | null) =>
          16 + 6.5 * Math.max(0, ...(values ?? []).map(({ length }) => length)),
        values: (_, splits) => splits.map(data.axisText),
      },
    ],
    series: [{}, ...drawnSeries(data).map((series) => seriesOf(series, color, data.xs.length))],
    hooks: { setCursor: [({ cursor }) => onHover(cursor.idx ?? undefined)] },
  };
}

function seriesOf(
  { name, kind, color }: ChartSeries,
  resolve: (name: string) => string,
  count: number,
): uPlot.Series {
  const stroke = resolve(color);
  const bars = uPlot.paths.bars?.({ size: [0.64, MAX_BAR_PX] });
  if (kind === 'bar' && bars !== undefined)
    return { label: name, fill: stroke, width: 0, paths: bars, fillTo: 0, points: { show: false } };
  return {
    label: name,
    stroke,
    width: 2,
    // A single point does not form a line.
    points: { show: count === 1, size: 7, fill: stroke },
    ...(kind === 'area' && { fill: `color-mix(in srgb, ${stroke} 14%, transparent)`, fillTo: 0 }),
  };
}

/**
 * Returns a range that includes 0, so that heights can be compared, and some space beyond the
 * values.
 */
function yRange(_: uPlot, least: number | null, most: number | null): uPlot.Range.MinMax {
  const [low, high] = [Math.min(0, least ?? 0), Math.max(0, most ?? 0)];
  const space = (high - low || 1) * 0.06;
  return [low < 0 ? low - space : 0, high > 0 || low === 0 ? high + space : 0];
}

/** Resolves a custom property, which may depend on the theme, to a colour for the canvas. */
function colorOf(frame: HTMLElement, name: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(${name})`;
  frame.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
