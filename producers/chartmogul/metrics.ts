import type { MetricsInterval, ProduceSettings } from '../../core/settings/config.ts';
import { sourceList, type SourceList } from './source-list.ts';
import type { StreamSpec } from './streams.ts';

const DAY_MS = 86_400_000;

/**
 * The lists of a metric, one for each interval: ChartMogul wants to know first and last day, and answers an entry for each
 * interval between. Where the history is known, only from the beginning of the interval in which the look-back begins.
 */
export function metricLists(
  spec: StreamSpec,
  path: string,
  settings: ProduceSettings['metrics'],
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
    // Where the start date is set, it may be tomorrow already.
    const query = { 'start-date': start < end ? start : end, 'end-date': end, interval };
    return { ...list, query: { ...list.query, ...query }, adds: { interval } };
  });
}

/**
 * Whether the lists of a metric, read whole, would show the entry of a key, `date|interval`: other settings may have brought
 * entries that are not asked for any more. An entry has the date of its interval's last day.
 */
export function isMetricAskedFor(
  spec: StreamSpec,
  settings: ProduceSettings['metrics'],
  key: string,
): boolean {
  const [date = '', interval] = key.split('|');
  return date >= settings.startDate && intervalsOf(spec, settings).some((asked) => asked === interval);
}

function intervalsOf({ metric }: StreamSpec, { intervals }: ProduceSettings['metrics']): MetricsInterval[] {
  const known = metric?.intervals ?? intervals;
  return intervals.filter((interval) => known.includes(interval));
}

/** The first day of the interval that holds a day; weeks begin on Monday. */
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
