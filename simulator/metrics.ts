import { badParameter, ok, refusal, type Answer } from './answer.ts';
import type { Call } from './call.ts';
import { intervals, type Interval } from './data/metric-series.ts';
import { metricNames, renderMetrics, type MetricName } from './data/metric.ts';

/** The last part of each address under `/metrics`, and the metrics of its response. */
export const metricAddresses: Readonly<Record<string, readonly MetricName[]>> = {
  all: metricNames,
  mrr: ['mrr'],
  arr: ['arr'],
  arpa: ['arpa'],
  asp: ['asp'],
  'customer-count': ['customers'],
  'customer-churn-rate': ['customer-churn-rate'],
  'mrr-churn-rate': ['mrr-churn-rate'],
  ltv: ['ltv'],
};

/** Answers `/metrics/{address}`. Accepts and ignores `geo`, `plans` and `filters`. */
export function answerMetrics({ world, query }: Call, address: string): Answer {
  const names = metricAddresses[address];
  if (names === undefined) return refusal(404, 'Not found');
  const start = dateIn(query, 'start-date');
  const end = dateIn(query, 'end-date');
  const interval = intervalIn(query);
  if (address === 'asp' && (interval === 'day' || interval === 'week'))
    throw badParameter('interval', 'invalid');
  return ok(renderMetrics(world, names, { start, end, interval }));
}

function dateIn(query: URLSearchParams, name: string): string {
  const text = query.get(name);
  if (text === null) throw badParameter(name, 'missing');
  if (!/^\d{4}-\d\d-\d\d$/.test(text) || Number.isNaN(Date.parse(text))) throw badParameter(name, 'invalid');
  return text;
}

function intervalIn(query: URLSearchParams): Interval {
  const text = query.get('interval') ?? 'month';
  const interval = intervals.find((candidate) => candidate === text);
  if (interval === undefined) throw badParameter('interval', 'invalid');
  return interval;
}
