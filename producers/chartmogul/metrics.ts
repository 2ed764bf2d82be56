import type { ListRequest } from './list-reader.ts';
import type { StreamSpec } from './streams.ts';

/** Early enough for the history of a company that sells by subscription. */
const START_DATE = '2010-01-01';

const INTERVAL = 'month';

/** The lists of a metric: ChartMogul wants to know first and last day, and answers an entry for each interval between. */
export function metricLists(spec: StreamSpec, path: string, today: Date): ListRequest[] {
  const query = {
    'start-date': START_DATE,
    'end-date': today.toISOString().slice(0, 10),
    interval: INTERVAL,
  };
  return [{ ...spec, path, query, adds: { interval: INTERVAL } }];
}
