import type { MetricsInterval, ProduceSettings } from '../../core/settings/config.ts';
import { sourceList, type SourceList } from './source-list.ts';
import type { StreamSpec } from './streams.ts';

const DAY_MS = 86_400_000;

type MetricSettings = ProduceSettings['metrics'];

/**
 * Returns the lists of a metric, one for each interval. Requests the days since METRICS_START_DATE
 * or, if METRICS_LOOK_BACK_DAYS is set and the topic already has the history, since the start of
 * the interval in which the look-back begins.
 */
export function metricLists(
  spec: StreamSpec,
  path: string,
  settings: MetricSettings,
  { today, isHistoryKnown }: { readonly today: Date; readonly isHistoryKnown: (id: string) => boolean },
): SourceList[] {
  const { startDate, lookBackDays } = settings;
  return intervalsOf(spec, settings).map((interval) => {
    const list = sourceList(spec, path, { interval });
    const lookBack =
      lookBackDays !== undefined && isHistoryKnown(list.id)
        ? beginningOf(interval, new Date(today.getTime() - lookBackDays * DAY_MS))
        : startDate;
    const end = today.toISOString().slice(0, 10);
    const start = lookBack > startDate ? lookBack : startDate;
    // METRICS_START_DATE may be in the future.
    const query = { 'start-date': start < end ? start : end, 'end-date': end, interval };
    return { ...list, query: { ...list.query, ...query }, adds: { interval } };
  });
}

/**
 * Returns whether the current settings request the entry with the key `date|interval`. Earlier
 * settings may have requested other entries. An entry's date is the last day of its interval.
 */
export function isMetricAskedFor(spec: StreamSpec, settings: MetricSettings, key: string): boolean {
  const [date = '', interval] = key.split('|');
  return date >= settings.startDate && intervalsOf(spec, settings).some((asked) => asked === interval);
}

function intervalsOf({ metric }: StreamSpec, { intervals }: MetricSettings): MetricsInterval[] {
  const known = metric?.intervals ?? intervals;
  return intervals.filter((interval) => known.includes(interval));
}

/** Returns the first day of the interval that contains a day. Weeks begin on Monday. */
function beginningOf(interval: MetricsInterval, date: Date): string {
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()];
  const first = {
    day: [month, day],
    week: [month, day - ((date.getUTCDay() + 6) % 7)],
    month: [month, 1],
    quarter: [month - (month % 3), 1],
    year: [0, 1],
  } as const;
  const [inMonth, onDay] = first[interval];
  return new Date(Date.UTC(year, inMonth, onDay)).toISOString().slice(0, 10);
}
