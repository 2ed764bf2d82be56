import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { MetricsInterval, ProduceSettings } from '../../../../core/settings/config.ts';
import { metricLists } from '../../../../producers/chartmogul/metrics.ts';
import { streams, type StreamSpec } from '../../../../producers/chartmogul/streams.ts';

const DAY_MS = 86_400_000;
const intervals = ['day', 'week', 'month', 'quarter', 'year'] as const;

function specOf(name: string): StreamSpec {
  const spec = streams.find((candidate) => candidate.name === name);
  assert.ok(spec);
  return spec;
}
const mrr = specOf('metrics_mrr');
const settings: ProduceSettings['metrics'] = {
  startDate: '2020-02-10',
  intervals: ['month'],
  lookBackDays: 90,
};
const listsOf = (
  spec: StreamSpec,
  changed: Partial<ProduceSettings['metrics']>,
  today = '2026-05-20T23:59:59Z',
  isLookingBack = true,
) =>
  metricLists(
    spec,
    spec.paths[0],
    { ...settings, ...changed },
    { today: new Date(today), isHistoryKnown: () => isLookingBack },
  );
const startsOf = (...options: Parameters<typeof listsOf>) =>
  listsOf(...options).map(({ query }) => query['start-date']);

/** Returns whether an interval of this kind starts on the day. */
function isBeginning(interval: MetricsInterval, day: string): boolean {
  if (interval === 'day') return true;
  if (interval === 'week') return new Date(day).getUTCDay() === 1;
  const [, month, dayOfMonth] = day.split('-').map(Number);
  const isOfInterval = { month: true, quarter: [1, 4, 7, 10].includes(month ?? 0), year: month === 1 }[
    interval
  ];
  return isOfInterval && dayOfMonth === 1;
}
const dayOf = (ms: number) => new Date(ms).toISOString().slice(0, 10);

test('a look-back starts with the interval of its first day, but not before the start date', () => {
  const instants = (from: string, to: string) => fc.integer({ min: Date.parse(from), max: Date.parse(to) });
  let lookedBack = 0;
  fc.assert(
    fc.property(
      instants('2021-01-01', '2030-01-01'),
      instants('2019-01-01', '2025-01-01').map(dayOf),
      fc.integer({ min: 1, max: 800 }),
      fc.constantFrom(...intervals),
      (todayMs, startDate, lookBackDays, interval) => {
        const today = new Date(todayMs).toISOString();
        const [start] = startsOf(mrr, { startDate, intervals: [interval], lookBackDays }, today);
        let wanted = todayMs - lookBackDays * DAY_MS;
        while (!isBeginning(interval, dayOf(wanted))) wanted -= DAY_MS;
        const from = dayOf(wanted) > startDate ? dayOf(wanted) : startDate;
        assert.equal(start, from < dayOf(todayMs) ? from : dayOf(todayMs));
        if (start !== startDate) lookedBack++;
      },
    ),
    { numRuns: 500 },
  );
  assert.ok(lookedBack > 100, `only ${lookedBack} starts depended on the look-back`);
});

const beginnings: readonly (readonly [MetricsInterval, number, string])[] = [
  ['day', 1, '2026-05-19'],
  ['week', 1, '2026-05-18'],
  ['week', 3, '2026-05-11'],
  ['month', 20, '2026-04-01'],
  ['quarter', 50, '2026-01-01'],
  ['year', 140, '2025-01-01'],
];
for (const [interval, lookBackDays, start] of beginnings) {
  test(`a look-back of ${lookBackDays} days by ${interval} starts on ${start} if today is 2026-05-20`, () => {
    assert.deepEqual(startsOf(mrr, { intervals: [interval], lookBackDays }), [start]);
  });
}

test('everything since the start date is requested without a look-back', () => {
  assert.deepEqual(startsOf(mrr, { lookBackDays: undefined }), ['2020-02-10']);
  assert.deepEqual(startsOf(mrr, {}, undefined, false), ['2020-02-10']);
});

test('each interval has a list up to today that adds the interval to its records', () => {
  const [day, year] = listsOf(mrr, { intervals: ['day', 'year'] }, '2026-05-20T00:00:00Z', false);
  assert.deepEqual(day, {
    id: '/metrics/mrr?interval=day',
    path: '/metrics/mrr',
    query: { 'start-date': '2020-02-10', 'end-date': '2026-05-20', interval: 'day' },
    listKey: 'entries',
    paging: 'none',
    adds: { interval: 'day' },
  });
  assert.deepEqual(
    { id: year?.id, adds: year?.adds },
    { id: '/metrics/mrr?interval=year', adds: { interval: 'year' } },
  );
});

test('a list is identified by metric and interval, so a run on the next day can resume it', () => {
  const idsAt = (today: string, isLookingBack: boolean) =>
    listsOf(mrr, {}, today, isLookingBack).map(({ id }) => id);
  assert.deepEqual(idsAt('2026-05-20', true), idsAt('2026-05-21', false));
});

test('asp lacks days and weeks, and every other metric has all intervals', () => {
  for (const spec of streams.filter(({ metric }) => metric !== undefined)) {
    const asked = listsOf(spec, { intervals }).map(({ query }) => query['interval']);
    assert.deepEqual(asked, spec.name === 'metrics_asp' ? ['month', 'quarter', 'year'] : [...intervals]);
  }
  assert.deepEqual(listsOf(specOf('metrics_asp'), { intervals: ['day', 'week'] }), []);
});

test('a start date in the future requests only today', () => {
  const asked = listsOf(mrr, { startDate: '2026-05-21' }, undefined, false).map(({ query }) => query);
  assert.deepEqual(asked, [{ 'start-date': '2026-05-20', 'end-date': '2026-05-20', interval: 'month' }]);
});
