import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { runSummary } from '../../../../producers/report/run-summary.ts';
import { hasFailed, StreamCounts } from '../../../../producers/report/stream-counts.ts';

const counted = (stream: string, some: Partial<StreamCounts> = {}): StreamCounts =>
  Object.assign(new StreamCounts(stream, `chartmogul.${stream}`), {
    ...some,
  });
const cells = (line = '') => line.split(/ {2,}/);
const whole =
  'stream pages requests retries 429s records new changed unchanged deleted dead sent bytes seconds req/s';

/** Counts with a value in every column. */
const busy = {
  pages: 5_000,
  requests: 5_100,
  retries: 90,
  rateLimited: 40,
  records: 1_000_000,
  new: 300_000,
  changed: 200_000,
  unchanged: 500_000,
  deleted: 1_000,
  deadLettered: 3,
  messages: 501_000,
  bytes: 1_234_567,
  seconds: 142.5,
  startedAtMs: 1_000,
} satisfies Partial<StreamCounts>;

test('runSummary shows a line per stream and a total', () => {
  const later = { ...busy, startedAtMs: 101_000, seconds: 100 };
  const lines = runSummary([counted('customers', busy), counted('plans', later)]).split('\n');
  assert.deepEqual(lines.slice(0, 4).map(cells), [
    whole.split(' '),
    'customers 5,000 5,100 90 40 1,000,000 300,000 200,000 500,000 1,000 3 501,000 1.2M 142.5 35.8'.split(
      ' ',
    ),
    'plans 5,000 5,100 90 40 1,000,000 300,000 200,000 500,000 1,000 3 501,000 1.2M 100 51'.split(' '),
    // Streams run in parallel, so the total is the time from the first start to the last end.
    'total 10,000 10,200 180 80 2,000,000 600,000 400,000 1,000,000 2,000 6 1,002,000 2.5M 200 51'.split(' '),
  ]);
});

test('runSummary right-aligns short numbers', () => {
  const [head = '', ...lines] = runSummary([counted('plans', { bytes: 5 }), counted('notes', busy)]).split(
    '\n',
  );
  const end = head.indexOf('bytes') + 'bytes'.length;
  assert.deepEqual(
    lines.slice(0, 3).map((line) => line.slice(end - 4, end)),
    ['   5', '1.2M', '1.2M'],
  );
});

const still = { ...busy, retries: 0, rateLimited: 0, deadLettered: 0 };
const narrow: [width: number, some: Partial<StreamCounts>, head: string][] = [
  [200, busy, whole],
  [0, busy, whole],
  [146, busy, whole],
  [145, busy, whole.replace(' bytes', '')],
  [138, busy, whole.replace(' bytes', '').replace(' req/s', '')],
  [145, still, whole.replace(' retries', '')],
  [124, still, whole.replace(' retries 429s', '').replace(' dead', '').replace(' bytes', '')],
  [80, still, 'stream records new changed deleted seconds'],
  [80, { records: 5, new: 5, pages: 1 }, 'stream pages records new changed deleted seconds'],
  [80, busy, 'stream records new changed deleted dead seconds'],
  [10, busy, 'stream records new changed deleted seconds'],
];
for (const [width, some, head] of narrow) {
  test(`runSummary shows ${head} at width ${width}`, () => {
    const lines = runSummary([counted('metrics_customer_churn_rate', some)], width).split('\n');
    assert.deepEqual(cells(lines[0]), head.split(' '));
  });
}

const count = fc.oneof(fc.constant(0), fc.nat(99), fc.nat(99_999_999), fc.nat(1e12));
const anyCounts = fc.record({
  pages: count,
  requests: count,
  retries: count,
  rateLimited: count,
  records: count,
  new: count,
  changed: count,
  unchanged: count,
  deleted: count,
  bytes: count,
  seconds: fc.nat(999_999).map((tenths) => tenths / 10),
});

test('runSummary fits 80 columns with any counts', () => {
  fc.assert(
    fc.property(fc.array(anyCounts, { maxLength: 3 }), (some) => {
      const summary = runSummary(
        some.map((values) => counted('metrics_customer_churn_rate', values)),
        80,
      );
      for (const line of summary.split('\n')) assert.ok(line.length <= 80, `${line.length}: ${line}`);
    }),
    { numRuns: 30 },
  );
});

test('runSummary handles a run without streams', () => assert.match(runSummary([], 80), /^stream/));

test('runSummary hides a stream that the account lacks', () => {
  const lacking = counted('transactions', { isAbsent: true });
  assert.equal(runSummary([counted('plans'), lacking]), runSummary([counted('plans')]));
});

test('runSummary shows remarks below the table and a shared failure once', () => {
  const failure = new Error('refused');
  const learned = [
    { field: 'health_score', type: 'long' },
    { field: 'risk', type: 'json' },
  ];
  const counts = [
    counted('customers', { newFields: learned, discarded: 1_200 }),
    counted('plans', { failure, state: 'failed', deadLettered: 2 }),
    counted('contacts', { discarded: 1, failure: new Error('away'), state: 'failed' }),
    counted('notes', { failure, state: 'failed' }),
    counted('tasks', { failure: new Error('stopped by SIGTERM'), state: 'stopped' }),
  ];
  assert.deepEqual(runSummary(counts, 80).split('\n').slice(7), [
    'customers has new fields: health_score (long), risk (json)',
    'new fields become columns and require no action: docs/how-to/schema-changes.md',
    'omitted in discard mode: 1,200 from customers, 1 from contacts',
    'sent to the dead-letter topic: 2 from plans',
    'plans, notes failed: refused',
    'contacts failed: away',
    'tasks stopped before the end; the next run resumes there',
  ]);
});

test('hasFailed is true for a stream that failed or has dead letters', () => {
  const counts = [{}, { discarded: 1 }, { deadLettered: 1 }, { failure: new Error() }];
  assert.deepEqual(
    counts.map((some) => hasFailed(counted('plans', some))),
    [false, false, true, true],
  );
});

test('runSummary shows only the reason if every stream failed for it before reading anything', () => {
  const failure = new Error('Kafka does not respond');
  const counts = ['plans', 'tasks'].map((stream) => counted(stream, { state: 'failed', failure }));
  assert.equal(runSummary(counts), 'every stream failed: Kafka does not respond');
  const [first, second] = counts as [StreamCounts, StreamCounts];
  assert.match(runSummary([first, counted('tasks')]), /^stream .*\nplans/);
  assert.match(runSummary([Object.assign(first, { records: 1, pages: 1 }), second]), /^stream .*\nplans/);
});
