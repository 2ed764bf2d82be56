import { dayBefore, periodsOf, type Interval, type Period } from './metric-series.ts';
import type { Rendered } from './rendered.ts';
import type { World } from './world.ts';

/** The metrics in the order of `/metrics/all`. Each has the name of the field with its value. */
export const metricNames = [
  'mrr',
  'arr',
  'customer-churn-rate',
  'mrr-churn-rate',
  'ltv',
  'customers',
  'asp',
  'arpa',
] as const;

export type MetricName = (typeof metricNames)[number];

type Values = Readonly<Record<MetricName, number>>;

/** Renders the entries and the summary of one metric or all metrics, as the API returns them. */
export function renderMetrics(
  world: World,
  names: readonly MetricName[],
  window: { readonly start: string; readonly end: string; readonly interval: Interval },
): { readonly entries: readonly Rendered[]; readonly summary: Rendered } {
  // The period before the window is used only for comparison.
  const periods = periodsOf(world, dayBefore(window.start, window.interval), window.end, window.interval);
  const values = periods.map((period, index) => valuesOf(period, periods[index - 1]));
  const isOnly = names.length === 1;
  const changeName = (name: MetricName) => (isOnly ? 'percentage-change' : `${name}-percentage-change`);
  const entries = periods.slice(1).map((period, index) => ({
    date: period.date,
    ...fieldsOf(names, values[index + 1], values[index], (name, current, _, change) => ({
      [name]: current,
      [changeName(name)]: change,
    })),
    ...(isOnly && names[0] === 'mrr' && movementsOf(period)),
  }));
  const summary = fieldsOf(names, values.at(-1), values.at(-2), (name, current, previous, change) => ({
    [isOnly ? 'current' : `current-${name}`]: current,
    [isOnly ? 'previous' : `previous-${name}`]: previous,
    [changeName(name)]: change,
  }));
  return { entries, summary };
}

function fieldsOf(
  names: readonly MetricName[],
  values: Values | undefined,
  before: Values | undefined,
  render: (name: MetricName, current: number, previous: number, change: number) => Rendered,
): Rendered {
  const fields = names.map((name) => {
    const [current, previous] = [values?.[name] ?? 0, before?.[name] ?? 0];
    return render(name, current, previous, percent(current - previous, previous));
  });
  return Object.assign({}, ...fields) as Rendered;
}

function valuesOf(period: Period, before: Period | undefined): Values {
  const { mrr, customers, movements, counts } = period;
  const lost = percent(counts.churn, before?.customers ?? 0);
  const movedOut = -movements.churn - movements.contraction - movements.expansion - movements.reactivation;
  const arpa = ratio(mrr, customers);
  return {
    mrr,
    arr: mrr * 12,
    'customer-churn-rate': lost,
    'mrr-churn-rate': percent(movedOut, before?.mrr ?? 0),
    ltv: lost === 0 ? 0 : Math.round((arpa / lost) * 100),
    customers,
    asp: ratio(movements.new_biz, counts.new_biz),
    arpa,
  };
}

function movementsOf({ movements }: Period): Rendered {
  return {
    'mrr-new-business': movements.new_biz,
    'mrr-expansion': movements.expansion,
    'mrr-contraction': movements.contraction,
    'mrr-churn': movements.churn,
    'mrr-reactivation': movements.reactivation,
  };
}

function percent(part: number, whole: number): number {
  return whole === 0 ? 0 : Math.round((part / whole) * 10_000) / 100;
}

function ratio(sum: number, count: number): number {
  return count === 0 ? 0 : Math.round(sum / count);
}
