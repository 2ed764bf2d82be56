import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { SinkCounts, type SinkState } from '../../../../consumers/report/sink-counts.ts';
import { SinkProgress, startSinkProgress } from '../../../../consumers/report/sink-progress.ts';
import { LiveLines } from '../../../../core/terminal/live-lines.ts';

const BEGIN_MS = 1_000_000;
const sinkOf = (stream: string, some: Partial<SinkCounts> = {}): SinkCounts =>
  Object.assign(new SinkCounts(stream, `${stream}_raw`), some);
const lagOf = (...messages: number[]) => new Map(messages.entries());

interface View {
  readonly afterMs?: number;
  readonly width?: number;
  readonly rows?: number;
}
const show = (progress: SinkProgress, { afterMs = 0, width = 80, rows = 24 }: View = {}) =>
  progress.lines(BEGIN_MS + afterMs, width, rows);
const lines = (counts: readonly SinkCounts[], view?: View) => show(new SinkProgress(counts, BEGIN_MS), view);

test('SinkProgress shows rows, rate and lag of each active table, then a total', () => {
  const customers = sinkOf('customers', { state: 'flowing', rows: 0, lag: lagOf(400, 40_000) });
  const plans = sinkOf('plans', { state: 'flowing', rows: 900, lag: lagOf(1) });
  const progress = new SinkProgress([customers, plans], BEGIN_MS);
  show(progress);
  customers.rows = 10_000;
  assert.deepEqual(show(progress, { afterMs: 2_000 }), [
    'customers_raw  10,000 rows  lag ~40,400  5,000/s',
    'plans_raw         900 rows       lag ~1      0/s',
    '2 tables  10,900 rows  lag ~40,401  5,000/s  0:02',
  ]);
});

test('SinkProgress shows "lag ?" when the lag of a waiting table is unknown', () => {
  const waiting = sinkOf('a', { state: 'waiting' });
  const total = (...counts: SinkCounts[]) => lines(counts).at(-1);
  assert.equal(total(waiting), '1 table  0 rows  lag ?  0/s  0:00');
  assert.equal(total(waiting, sinkOf('b', { lag: lagOf(2) })), '2 tables  0 rows  lag ?  0/s  0:00');
  waiting.lag.set(0, 3);
  assert.equal(total(waiting), '1 table  0 rows  lag ~3  0/s  0:00');
});

const states: [state: SinkState, text: string][] = [
  ['flowing', 'a_raw  1 row  lag ~2  1/s'],
  ['positioning', 'a_raw  1 row  lag ~2  finding resume offsets'],
  ['learning', 'a_raw  1 row  lag ~2  preparing the table'],
  ['waiting', 'a_raw  1 row  lag ~2  waiting for a service'],
  ['failed', 'a_raw  1 row  lag ~2  failed'],
];
for (const [state, text] of states) {
  test(`SinkProgress shows a table that is ${state} as "${text}"`, () => {
    const counts = sinkOf('a', { state, lag: lagOf(2) });
    const progress = new SinkProgress([counts], BEGIN_MS);
    show(progress);
    counts.rows = 1;
    assert.equal(show(progress, { afterMs: 1_000 })[0], text);
  });
}

test('SinkProgress shows the rate over the last five seconds', () => {
  const counts = sinkOf('a', { oldestRowMs: BEGIN_MS });
  const progress = new SinkProgress([counts], BEGIN_MS);
  const rates: number[] = [];
  for (let afterMs = 0; afterMs <= 20_000; afterMs += 250) {
    // 1,000 rows a second for ten seconds, then none.
    counts.rows = Math.min(afterMs, 10_000);
    const [line = ''] = show(progress, { afterMs });
    if (afterMs % 2_500 === 0) rates.push(Number(/ ([\d,]+)\/s/.exec(line)?.[1]?.replace(',', '')));
  }
  assert.deepEqual(rates, [0, 1_000, 1_000, 1_000, 1_000, 500, 0, 0, 0]);
});

test('SinkProgress does not extrapolate a rate from a fraction of a second', () => {
  const counts = sinkOf('a');
  const progress = new SinkProgress([counts], BEGIN_MS);
  show(progress);
  counts.rows = 5_000;
  assert.match(show(progress, { afterMs: 200 })[0] ?? '', / 5,000\/s/);
});

const idleness: [why: string, some: Partial<SinkCounts>, isAtWork: boolean][] = [
  ['has done nothing yet', {}, false],
  ['has no lag', { state: 'flowing', lag: lagOf(0, 0) }, false],
  ['is behind', { lag: lagOf(0, 1) }, true],
  ['has buffered rows', { oldestRowMs: BEGIN_MS }, true],
  ['is waiting for a service', { state: 'waiting' }, true],
  ['is preparing its table', { state: 'learning' }, true],
  ['has failed', { state: 'failed' }, true],
  ['has just received rows', { rows: 1 }, true],
];
for (const [why, some, isAtWork] of idleness) {
  test(`a table that ${why} is ${isAtWork ? 'shown' : 'counted as idle'}`, () => {
    const [first = ''] = lines([sinkOf('a', some)]);
    assert.match(first, isAtWork ? /^a_raw / : /^1 table idle$/);
  });
}

test('SinkProgress hides a table ten seconds after its last row until the next row', () => {
  const counts = [sinkOf('a', { rows: 1 }), sinkOf('b'), sinkOf('c')];
  const progress = new SinkProgress(counts, BEGIN_MS);
  assert.match(show(progress).join('\n'), /^a_raw .*\n2 tables idle\n3 tables /);
  assert.match(show(progress, { afterMs: 9_999 }).join('\n'), /^a_raw .*\n2 tables idle\n/);
  assert.match(show(progress, { afterMs: 10_000 }).join('\n'), /^3 tables idle\n3 tables /);
  const [a] = counts;
  if (a !== undefined) a.rows = 2;
  assert.match(show(progress, { afterMs: 10_200 }).join('\n'), /^a_raw .*\n2 tables idle\n/);
});

test('SinkProgress shows the totals of the sink on the last line', () => {
  const counts = [
    sinkOf('a', { rows: 1_000_000, lag: lagOf(5), deadLetters: 2 }),
    sinkOf('b', { rows: 234, state: 'failed', deadLetters: 1 }),
  ];
  const last = lines(counts, { afterMs: 3_665_999, width: 100 }).at(-1);
  assert.equal(last, '2 tables, 1 failed, 3 dead letters  1,000,234 rows  lag ~5  0/s  1:01:05');
  assert.deepEqual(lines([]), ['0 tables  0 rows  lag 0  0/s  0:00']);
});

const widths: [width: number, line: string][] = [
  [48, 'a_raw  1,234 rows  lag ~5  waiting for a service'],
  [47, 'a_raw  lag ~5  waiting for a service'],
  [36, 'a_raw  lag ~5  waiting for a service'],
  [35, 'a_raw  waiting for a service'],
  [20, 'a_raw  waiting for …'],
];
for (const [width, line] of widths) {
  test(`SinkProgress fits a table into ${width} columns and omits its numbers first`, () => {
    const counts = sinkOf('a', { rows: 1_234, lag: lagOf(5), state: 'waiting' });
    assert.equal(lines([counts], { width })[0], line);
  });
}

const heights: [rows: number, shown: RegExp][] = [
  [6, /^a_raw [^\n]*\nb_raw [^\n]*\n2 tables idle\n4 tables [^\n]*$/],
  [5, /^a_raw [^\n]*\nb_raw [^\n]*\n2 tables idle\n4 tables [^\n]*$/],
  [4, /^a_raw [^\n]*\nand 1 more, 2 tables idle\n4 tables [^\n]*$/],
  [3, /^and 2 more, 2 tables idle\n4 tables [^\n]*$/],
  [2, /^4 tables [^\n]*$/],
  [1, /^$/],
];
for (const [rows, shown] of heights) {
  test(`SinkProgress fits the tables into a terminal of ${rows} lines`, () => {
    const counts = ['a', 'b', 'c', 'd'].map((stream) => sinkOf(stream, { rows: stream < 'c' ? 1 : 0 }));
    assert.match(lines(counts, { rows }).join('\n'), shown);
  });
}

const count = fc.oneof(fc.constant(0), fc.nat(99), fc.nat(99_999_999), fc.nat(1e12));
const anyCounts = fc.record({
  stream: fc.constantFrom('a', 'metrics_customer_churn_rate', `a${'_long'.repeat(19)}`),
  state: fc.constantFrom<SinkState>('flowing', 'inserting', 'positioning', 'learning', 'waiting', 'failed'),
  rows: count,
  deadLetters: count,
  lag: fc.array(count, { maxLength: 3 }).map((all) => lagOf(...all)),
  oldestRowMs: fc.option(count, { nil: undefined }),
});

test('SinkProgress fits the terminal and leaves one row free', () => {
  const size = fc.record({ width: fc.integer({ min: 1, max: 200 }), rows: fc.integer({ min: 1, max: 30 }) });
  const step = fc.record({ ms: fc.nat(20_000), rows: count, size });
  fc.assert(
    fc.property(fc.array(anyCounts), fc.array(step), (some, steps) => {
      const counts = some.map((values) => sinkOf(values.stream, values));
      const progress = new SinkProgress(counts, BEGIN_MS);
      let afterMs = 0;
      for (const { ms, rows: more, size: view } of steps) {
        afterMs += ms;
        for (const each of counts) each.rows += more;
        const shown = show(progress, { afterMs, ...view });
        assert.ok(shown.length < view.rows, `${shown.length} lines on ${view.rows} rows`);
        for (const line of shown) assert.ok(line.length <= view.width, `${line.length}: ${line}`);
      }
    }),
  );
});

test('SinkProgress fits the longest table name with large numbers or a state into 80 columns', () => {
  const counts = sinkOf('metrics_customer_churn_rate', { rows: 10_000_000, lag: lagOf(10_000_000) });
  const name = 'metrics_customer_churn_rate_raw';
  assert.deepEqual(lines([counts])[0], `${name}  10,000,000 rows  lag ~10,000,000  0/s`);
  counts.state = 'waiting';
  assert.deepEqual(lines([counts])[0], `${name}  lag ~10,000,000  waiting for a service`);
});

function terminal(isTTY: boolean): { written: string[]; out: NodeJS.WriteStream } {
  const written: string[] = [];
  const out = { isTTY, columns: 80, rows: 24, write: (text: string) => written.push(text) };
  return { written, out: out as unknown as NodeJS.WriteStream };
}

test('progress is redrawn five times a second until it stops, and includes streams added later', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const { written, out } = terminal(true);
  const counts = [sinkOf('a', { rows: 1 })];
  const progress = startSinkProgress(counts, out, new LiveLines(out));
  t.mock.timers.tick(999);
  assert.equal(written.length, 4);
  assert.match(written.at(-1) ?? '', /a_raw {2}1 row .*\n.*1 table {2}1 row /);
  counts.push(sinkOf('b', { rows: 2 }));
  t.mock.timers.tick(1);
  assert.match(written.at(-1) ?? '', /a_raw .*\n.*b_raw .*\n.*2 tables {2}3 rows /);
  progress.stop();
  const { length } = written;
  t.mock.timers.tick(1_000);
  assert.equal(written.length, length);
});

test('progress draws nothing without a terminal', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const { written, out } = terminal(false);
  const progress = startSinkProgress([sinkOf('a', { rows: 1 })], out, new LiveLines(out));
  t.mock.timers.tick(1_000);
  progress.stop();
  assert.deepEqual(written, []);
});
