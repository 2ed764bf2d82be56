import type { RunCounts, RunLine } from '../../api/runs.ts';
import type { ChartData, ChartSeries } from '../shared/chart/chart-data.ts';
import { durationText, numberText, shortNumber, shortTimeText } from '../shared/format.ts';

interface Metric {
  readonly id: string;
  readonly name: string;
  readonly series: readonly {
    readonly name: string;
    readonly of: (run: RunLine) => number;
    readonly color: string;
  }[];
  readonly valueText?: (value: number) => string;
}

const count = (name: keyof RunCounts) => (run: RunLine) => run.counts[name];

/** The metrics that the chart can show, the default first. */
export const metrics: readonly [Metric, ...Metric[]] = [
  {
    id: 'records',
    name: 'Records',
    series: [
      { name: 'New', of: count('new'), color: '--chart-1' },
      { name: 'Changed', of: count('changed'), color: '--chart-4' },
      { name: 'Deleted', of: count('deleted'), color: '--chart-5' },
    ],
  },
  {
    id: 'unchanged',
    name: 'Unchanged',
    series: [{ name: 'Unchanged', of: count('unchanged'), color: '--chart-2' }],
  },
  {
    id: 'seconds',
    name: 'Seconds',
    series: [{ name: 'Time', of: ({ seconds }) => seconds, color: '--chart-1' }],
    valueText: durationText,
  },
  {
    id: 'requests',
    name: 'Requests',
    series: [{ name: 'Requests', of: count('requests'), color: '--chart-1' }],
  },
  {
    id: 'retries',
    name: 'Retries',
    series: [
      { name: 'Retries', of: count('retries'), color: '--chart-4' },
      { name: '429 or 503 responses', of: count('rateLimited'), color: '--chart-5' },
    ],
  },
];

export function metricOf(id: string): Metric {
  return metrics.find((metric) => metric.id === id) ?? metrics[0];
}

/** Returns one bar for each run, the oldest first. @param runs newest first. */
export function chartOf(runs: readonly RunLine[], { series, valueText = numberText }: Metric): ChartData {
  const oldestFirst = runs.toReversed();
  return {
    xs: oldestFirst.map((_, at) => at),
    xText: (at) => {
      const run = oldestFirst[at];
      return run === undefined ? '' : shortTimeText(run.startedAtMs ?? run.recordedAtMs);
    },
    xKind: 'name',
    isStacked: true,
    series: series.map(({ name, of, color }): ChartSeries => ({
      name,
      color,
      kind: 'bar',
      values: oldestFirst.map(of),
    })),
    valueText,
    axisText: shortNumber,
  };
}
