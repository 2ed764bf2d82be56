import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { LiveLines } from '../../../../core/terminal/live-lines.ts';
import { progressLines, startProgress } from '../../../../producers/report/progress.ts';
import { StreamCounts, type StreamState } from '../../../../producers/report/stream-counts.ts';

const BEGIN_MS = Date.UTC(2026, 0, 1);
const reading = (stream: string, some: Partial<StreamCounts> = {}): StreamCounts =>
  Object.assign(new StreamCounts(stream, `chartmogul.${stream}`), {
    state: 'reading',
    startedAtMs: BEGIN_MS,
    ...some,
  });
/** Returns the lines, by default those after 40 seconds on a terminal with 80 columns. */
const lines = (counts: readonly StreamCounts[], { afterMs = 40_000, width = 80, rows = 24 } = {}) =>
  progressLines(counts, BEGIN_MS + afterMs, width, rows);

test('progressLines shows progress relative to the pages of the last complete run', () => {
  const customers = reading('customers', { pages: 62, expectedPages: 100, records: 1_240 });
  assert.deepEqual(lines([customers], { width: 51 }), [
    'customers  ████████░░░░░  62 %  1,240 records  31/s',
    '0 of 1 stream done  1,240 records  0.0 requests/s  0:40'.slice(0, 50) + '…',
  ]);
});

const shares: [pages: number, expectedPages: number | undefined, text: RegExp][] = [
  [0, 10, /^a {2}░{24} {2}0 % /],
  [1, 10, /^a {2}█{2}░{22} {2}10 % /],
  [10, 10, /^a {2}█{24} {2}99 % /],
  [25, 10, /^a {2}█{24} {2}99 % /],
  [1_000, 0, /^a {2}░*███░* {2}1,000 pages /],
  [1, undefined, /^a {2}░*███░* {2}1 page {2}0 records /],
  [3, undefined, /^a {2}░*███░* {2}3 pages /],
];
for (const [pages, expectedPages, text] of shares) {
  test(`progressLines shows ${pages} of ${expectedPages ?? 'an unknown number of'} pages as a bar and a number`, () => {
    assert.match(lines([reading('a', { pages, expectedPages })])[0] ?? '', text);
  });
}

test('the bar of a stream of unknown length moves back and forth', () => {
  const starts = Array.from({ length: 90 }, (_, step) => {
    const [line = ''] = lines([reading('a')], { afterMs: step * 200 });
    return line.indexOf('█') - 'a  '.length;
  });
  assert.deepEqual({ first: Math.min(...starts), last: Math.max(...starts) }, { first: 0, last: 24 - 3 });
  assert.ok(starts.slice(1).every((start, step) => Math.abs(start - Number(starts[step])) === 1));
});

test('progressLines shows when a stream looks for deletes', () => {
  const line = lines([reading('a', { state: 'deleting', expectedPages: 5, pages: 5, deleted: 1_200 })])[0];
  assert.match(line ?? '', /^a {2}░*███░* {2}deletes {2}1,200 deleted$/);
});

test('progressLines aligns the numbers of streams', () => {
  const [first = '', second = ''] = lines([
    reading('customers', { pages: 5, expectedPages: 100, records: 5 }),
    reading('a', { pages: 1_234, records: 5_000_000 }),
  ]);
  assert.equal(first.indexOf(' records'), second.indexOf(' records'));
  assert.equal(first.indexOf('░') >= 0, true);
  assert.equal(first.search(/[█░]/), second.search(/[█░]/));
});

test('the last line shows the totals of the run without absent streams', () => {
  const state = (name: StreamState, some: Partial<StreamCounts> = {}) =>
    reading('a', { state: name, ...some });
  const counts = [
    state('done', { records: 1_000, requests: 100, startedAtMs: BEGIN_MS - 3_600_000 }),
    state('done', { isAbsent: true, startedAtMs: 1 }),
    state('waiting', { startedAtMs: 0 }),
    state('stopped'),
    state('done', { records: 5, requests: 62_000 }),
  ];
  assert.deepEqual(lines(counts, { afterMs: 65_000 }), [
    '2 of 4 streams done  1,005 records  16.9 requests/s  1:01:05',
  ]);
  assert.match(lines([...counts, state('failed')])[0] ?? '', /^2 of 5 streams done, 1 failed {2}/);
  assert.deepEqual(lines([state('waiting', { startedAtMs: 0 })]), [
    '0 of 1 stream done  0 records  0.0 requests/s  0:00',
  ]);
});

const heights: [rows: number, names: string[]][] = [
  [24, ['old', 'mid', 'new', '0 of 3']],
  [5, ['old', 'mid', 'new', '0 of 3']],
  [4, ['old', 'and 2 more', '0 of 3']],
  [3, ['and 3 more', '0 of 3']],
  [2, ['0 of 3']],
  [1, []],
];
for (const [rows, names] of heights) {
  test(`progressLines uses ${names.length} of ${rows} rows and keeps the streams that began first`, () => {
    const ages = { new: 0, old: 900, mid: 500 };
    const counts = Object.entries(ages).map(([stream, ms]) =>
      reading(stream, { startedAtMs: BEGIN_MS - ms }),
    );
    const shown = lines(counts, { rows });
    assert.deepEqual(
      shown.map((line, index) => line.startsWith(names[index] ?? '-')),
      names.map(() => true),
    );
  });
}

const count = fc.oneof(fc.constant(0), fc.nat(99), fc.nat(99_999_999), fc.nat(1e12));
const anyCounts = fc.record({
  stream: fc.constantFrom('a', 'metrics_customer_churn_rate', `a${'_long'.repeat(19)}`),
  state: fc.constantFrom<StreamState>('waiting', 'reading', 'deleting', 'done', 'failed', 'stopped'),
  pages: count,
  requests: count,
  records: count,
  deleted: count,
  expectedPages: fc.option(count, { nil: undefined }),
  startedAtMs: fc.nat(10_000).map((ms) => BEGIN_MS + ms),
});

test('progressLines fits the terminal and leaves one row free', () => {
  const size = fc.record({ width: fc.integer({ min: 1, max: 200 }), rows: fc.integer({ min: 1, max: 30 }) });
  fc.assert(
    fc.property(fc.array(anyCounts), size, fc.nat(20_000), (some, { width, rows }, afterMs) => {
      const counts = some.map((values) => reading(values.stream, values));
      const shown = lines(counts, { afterMs, width, rows });
      assert.ok(shown.length < rows, `${shown.length} lines on ${rows} rows`);
      for (const line of shown) assert.ok(line.length <= width, `${line.length}: ${line}`);
    }),
  );
});

test('the bar has space next to the longest stream name on 80 columns', () => {
  const big = { pages: 99_999, records: 10_000_000 };
  assert.match(lines([reading('metrics_customer_churn_rate', big)])[0] ?? '', /░/);
});

/**
 * The contents of a terminal that wraps lines and supports only the control sequences of live
 * lines.
 */
class Screen {
  readonly text: string[] = [''];
  readonly isTTY = true;
  columns: number;
  #row = 0;
  #column = 0;

  constructor(columns: number) {
    this.columns = columns;
  }

  write(text: string): boolean {
    for (const [token, up] of text.matchAll(/\u001b\[(\d*)[AJK]|[^\u001b]/g)) this.#apply(token, Number(up));
    return true;
  }

  #apply(token: string, up: number): void {
    if (token.endsWith('A') && token.length > 1) {
      assert.ok(up <= this.#row, 'the cursor was moved above the top row');
      this.#row -= up;
    } else if (token === '\u001b[J') {
      assert.fail('a terminal would copy the screen into its scrollback');
    } else if (token === '\u001b[2K') this.text[this.#row] = '';
    else if (token === '\r') this.#column = 0;
    else if (token === '\n') this.#newRow();
    else this.#put(token);
  }

  #put(character: string): void {
    if (this.#column === this.columns) this.#newRow();
    const row = (this.text[this.#row] ?? '').padEnd(this.#column);
    this.text[this.#row] = row.slice(0, this.#column) + character + row.slice(this.#column + 1);
    this.#column++;
  }

  #newRow(): void {
    this.#row++;
    this.#column = 0;
    if (this.#row === this.text.length) this.text.push('');
  }
}

/** Returns the rows without the blank rows at the end, which erased lines leave behind. */
function withoutBlankEnd(rows: readonly string[]): readonly string[] {
  return rows.slice(0, rows.findLastIndex((row) => row !== '') + 1);
}

const word = fc.string({ unit: fc.constantFrom('a', 'b', ' ', '█'), maxLength: 10 });
const step = fc.oneof(
  fc.record({ show: fc.array(word, { maxLength: 4 }) }),
  fc.record({ write: fc.array(word, { minLength: 1, maxLength: 3 }) }),
  fc.constant({ isCleared: true }),
);

test('text written above stays complete and in order, with only the latest live lines below', () => {
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const screen = new Screen(10);
      const live = new LiveLines(screen);
      const kept: string[] = [];
      let below: readonly string[] = [];
      for (const each of steps) {
        if ('show' in each) live.show((below = each.show));
        else if ('write' in each) {
          live.writeAbove(each.write.map((line) => `${line}\n`).join(''));
          kept.push(...each.write);
        } else {
          live.show([]);
          below = [];
        }
        assert.deepEqual(withoutBlankEnd(screen.text), withoutBlankEnd([...kept, ...below]));
      }
    }),
  );
});

test('live lines are erased completely when a narrower terminal wraps them', () => {
  const screen = new Screen(5);
  const live = new LiveLines(screen);
  live.writeAbove('text\n');
  live.show(['1234567890!', '']);
  live.show([]);
  assert.deepEqual(withoutBlankEnd(screen.text), ['text']);
});

test('LiveLines writes only the text if there are no live lines', () => {
  const written: string[] = [];
  const live = new LiveLines({ write: (text) => written.push(text) });
  live.show([]);
  live.writeAbove('text\n');
  assert.deepEqual(written, ['text\n']);
});

test('progress redraws five times a second and disappears when it stops', (t) => {
  t.mock.timers.enable({ apis: ['setInterval', 'Date'], now: BEGIN_MS });
  const screen = new Screen(80);
  const live = new LiveLines(screen);
  const customers = reading('customers');
  const progress = startProgress([customers], screen as unknown as NodeJS.WriteStream, live);
  t.mock.timers.tick(200);
  assert.match(screen.text[0] ?? '', /^customers .* 0 records/);
  customers.records = 7;
  live.writeAbove('written\n');
  t.mock.timers.tick(200);
  assert.equal(screen.text.length, 4);
  assert.equal(screen.text[0], 'written');
  assert.match(screen.text[1] ?? '', / 7 records/);
  progress.stop();
  t.mock.timers.tick(1_000);
  assert.deepEqual(withoutBlankEnd(screen.text), ['written']);
});

test('progress draws nothing without a terminal', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const written: string[] = [];
  const out = { isTTY: false, write: (text: string) => written.push(text) };
  const stream = out as unknown as NodeJS.WriteStream;
  const progress = startProgress([reading('customers')], stream, new LiveLines(stream));
  t.mock.timers.tick(1_000);
  progress.stop();
  assert.deepEqual(written, []);
});

test('LiveLines redraws on a terminal that reports 0 columns', () => {
  const written: string[] = [];
  const live = new LiveLines({ write: (text) => written.push(text), columns: 0 });
  live.show(['reading']);
  live.show(['done']);
  assert.match(written.at(-1) ?? '', /done\n$/);
});
