import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { JsonValue } from '../../core/json.ts';
import type { Page, SourceList } from '../../producers/chartmogul/source-list.ts';
import { activityWindows } from '../../producers/chartmogul/windows.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const list: SourceList = {
  id: '/activities',
  path: '/activities',
  query: { type: 'churn' },
  listKey: 'entries',
  paging: 'start-after',
};
const firstPage = (...dates: readonly JsonValue[]): Page => ({
  list,
  number: 1,
  records: dates.map((date) => ({ date })),
  next: { 'start-after': 'x' },
});
const windowsOf = (first: string, now: string) =>
  activityWindows(firstPage(first), new Date(now))?.map(({ id }) => id.replace('/activities?', ''));

/** What a server may mean by the days that a window begins and ends with: instants from midnight of the day on. */
interface Meaning {
  readonly zoneMs: number;
  readonly start: 'midnight' | 'after midnight' | 'after the day';
  readonly end: 'before midnight' | 'midnight' | 'the whole day';
}
const meanings: fc.Arbitrary<Meaning> = fc.record({
  zoneMs: fc.integer({ min: -14 * 4, max: 14 * 4 }).map((quarters) => (quarters * HOUR_MS) / 4),
  start: fc.constantFrom('midnight', 'after midnight', 'after the day'),
  end: fc.constantFrom('before midnight', 'midnight', 'the whole day'),
});

function serves({ query }: SourceList, atMs: number, { zoneMs, start, end }: Meaning): boolean {
  const midnight = (name: string) => Date.parse(`${String(query[name])}T00:00:00Z`) - zoneMs;
  const from = midnight('start-date');
  const to = midnight('end-date');
  const isAfterStart =
    !('start-date' in query) ||
    { midnight: atMs >= from, 'after midnight': atMs > from, 'after the day': atMs >= from + DAY_MS }[start];
  const isBeforeEnd =
    !('end-date' in query) ||
    { 'before midnight': atMs < to, midnight: atMs <= to, 'the whole day': atMs < to + DAY_MS }[end];
  return isAfterStart && isBeforeEnd;
}

const instants = (from: string, to: string) => fc.integer({ min: Date.parse(from), max: Date.parse(to) });
/** The turns of the half-years, and what lies about them, are where something could be left out. */
const nearTurns = fc
  .tuple(
    fc.integer({ min: 1999, max: 2041 }),
    fc.constantFrom(0, 6),
    fc.integer({ min: -4 * 24 * 60, max: 4 * 24 * 60 }),
  )
  .map(([year, month, minutes]) => Date.UTC(year, month, 1) + minutes * 60_000);

test('the windows cover every instant, before the first and in the future too, whatever the server means by a day', () => {
  let hits = 0;
  fc.assert(
    fc.property(
      fc.oneof(instants('2000-01-01', '2030-01-01'), nearTurns),
      fc.oneof(instants('2000-01-01', '2040-01-01'), nearTurns),
      fc.array(
        fc.oneof(
          { weight: 3, arbitrary: nearTurns },
          { weight: 1, arbitrary: instants('1900-01-01', '2100-01-01') },
        ),
        {
          minLength: 1,
          maxLength: 20,
        },
      ),
      meanings,
      (first, now, dates, meaning) => {
        const windows = activityWindows(firstPage(new Date(first).toISOString()), new Date(now));
        if (windows === undefined) return;
        for (const date of dates) {
          const serving = windows.filter((window) => serves(window, date, meaning));
          const iso = new Date(date).toISOString();
          assert.ok(serving.length >= 1 && serving.length <= 2, `${iso} is in ${serving.length} windows`);
          for (const { isWithin, id } of serving)
            assert.ok(isWithin?.({ date: iso }) === true, `${iso} is said to be outside of ${id}`);
          hits++;
        }
      },
    ),
    { numRuns: 500 },
  );
  assert.ok(hits > 1000, `${hits} instants`);
});

test('half-years, each a day longer at both ends; the first has no beginning and the last no end', () => {
  assert.deepEqual(windowsOf('2024-08-15T10:00:00Z', '2026-01-10T00:00:00Z'), [
    'end-date=2025-01-02',
    'start-date=2024-12-31&end-date=2025-07-02',
    'start-date=2025-06-30&end-date=2026-01-02',
    'start-date=2025-12-31',
  ]);
});

test('a window keeps the filters of its list', () => {
  const windows = activityWindows(firstPage('2025-01-01T00:00:00Z'), new Date('2025-07-02'));
  assert.deepEqual(
    windows?.map(({ query }) => query),
    [
      { type: 'churn', 'end-date': '2025-07-02' },
      { type: 'churn', 'start-date': '2025-06-30' },
    ],
  );
});

test('June belongs to the first half-year', () => {
  assert.equal(windowsOf('2025-06-15T00:00:00Z', '2025-07-10T00:00:00Z')?.length, 2);
});

const single: readonly (readonly [string, string, string])[] = [
  ['begins and ends in one half-year', '2025-01-01T00:00:00Z', '2025-06-30T23:59:59Z'],
  ['begins in the future', '2031-01-01T00:00:00Z', '2025-06-30T00:00:00Z'],
];
for (const [what, first, now] of single) {
  test(`a history that ${what} is read whole`, () => assert.equal(windowsOf(first, now), undefined));
}

test('a first page that tells no date is read whole', () => {
  for (const page of [firstPage(), firstPage(null, 7, 'soon'), { ...firstPage(), records: ['x', null] }]) {
    assert.equal(activityWindows(page, new Date('2026-01-01')), undefined);
  }
});

test('the windows begin with the first record that tells its date, in whatever zone', () => {
  const windows = activityWindows(
    firstPage('soon', '2025-01-01T00:30:00+01:00', '2026-01-01'),
    new Date('2025-01-01T12:00:00Z'),
  );
  assert.deepEqual(
    windows?.map(({ id }) => id),
    ['/activities?end-date=2025-01-02', '/activities?start-date=2024-12-31'],
  );
});

for (const first of ['0001-01-01T00:00:00Z', '-200000-01-01T00:00:00Z', '1900-01-01T00:00:00Z']) {
  test(`a first date of ${first} leads to no more than 64 windows, the first of them without beginning`, () => {
    const windows = windowsOf(first, '2026-01-10T00:00:00Z');
    assert.equal(windows?.length, 64);
    assert.equal(windows[0], 'end-date=1995-01-02');
    assert.equal(windows.at(-1), 'start-date=2025-12-31');
  });
}

const outside: readonly (readonly [string, boolean])[] = [
  ['2024-12-28T23:59:59Z', false],
  ['2024-12-29T00:00:00Z', true],
  ['2025-07-04T00:00:00Z', true],
  ['2025-07-04T00:00:01Z', false],
  ['2025-07-05T13:00:00+14:00', false],
  ['soon', true],
];
for (const [date, isWithin] of outside) {
  test(`an activity of ${date} ${isWithin ? 'may come from' : 'shows that nobody filters'} the first half of 2025`, () => {
    const windows = activityWindows(firstPage('2024-08-15'), new Date('2026-01-10'));
    assert.equal(windows?.[1]?.isWithin?.({ date }), isWithin);
  });
}
