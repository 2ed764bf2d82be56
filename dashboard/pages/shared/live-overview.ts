import { useEffect, useState } from 'preact/hooks';
import type { Overview } from '../../api/overview.ts';
import type { Bucket, History, Rates } from '../../api/rates.ts';
import { onEvent } from './live.ts';

/** Messages per bucket of the last ten minutes, the oldest first. */
export interface Series {
  readonly produced: readonly number[];
  readonly sunk: readonly number[];
}

export interface LiveOverview {
  /** Undefined until the first status arrives, in the page or as an event. */
  readonly overview: Overview | undefined;
  readonly rates: Rates | undefined;
  /** A stream without messages has no series. */
  readonly series: ReadonlyMap<string, Series>;
  readonly bucketMs: number;
}

let current: LiveOverview = {
  overview: overviewInPage(),
  rates: undefined,
  series: new Map(),
  bucketMs: 5_000,
};
let maxBuckets = 120;
let bucketCount = 0;
const listeners = new Set<(live: LiveOverview) => void>();

/**
 * Returns the overview that the server writes into the page, so that the first paint has content;
 * undefined if there is none.
 */
function overviewInPage(): Overview | undefined {
  const text = document.querySelector('meta[name="overview"]')?.getAttribute('content');
  return text ? (JSON.parse(text) as Overview) : undefined;
}

function update(change: Partial<LiveOverview>): void {
  current = { ...current, ...change };
  for (const listener of listeners) listener(current);
}

onEvent('status', (data) => update({ overview: data as Overview }));
onEvent('rates', (data) => update({ rates: data as Rates }));
onEvent('history', (data) => {
  const history = data as History;
  maxBuckets = history.maxBuckets;
  const series = new Map(Object.entries(history.streams));
  bucketCount = Math.max(0, ...[...series.values()].map(({ produced }) => produced.length));
  update({ series, bucketMs: history.bucketMs });
});
onEvent('bucket', (data) => {
  const bucket = data as Bucket;
  const series = new Map<string, Series>();
  for (const stream of new Set([...current.series.keys(), ...Object.keys(bucket)])) {
    const { produced, sunk } = current.series.get(stream) ?? emptySeries();
    const next = {
      produced: [...produced, bucket[stream]?.produced ?? 0].slice(-maxBuckets),
      sunk: [...sunk, bucket[stream]?.sunk ?? 0].slice(-maxBuckets),
    };
    // A stream without messages in the last buckets is dropped.
    if (next.produced.some(Boolean) || next.sunk.some(Boolean)) series.set(stream, next);
  }
  bucketCount = Math.min(maxBuckets, bucketCount + 1);
  update({ series });
});

function emptySeries(): Series {
  const zeros = Array.from({ length: Math.min(bucketCount, maxBuckets - 1) }, () => 0);
  return { produced: zeros, sunk: zeros };
}

/** Returns the latest status and rates, and re-renders the component on each update. */
export function useOverview(): LiveOverview {
  const [live, setLive] = useState(current);
  useEffect(() => {
    setLive(current);
    listeners.add(setLive);
    return () => listeners.delete(setLive);
  }, []);
  return live;
}
