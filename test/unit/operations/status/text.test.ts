import assert from 'node:assert/strict';
import test from 'node:test';
import { loadSettings } from '../../../../core/settings/config.ts';
import type { Checkpoint } from '../../../../producers/state/checkpoint.ts';
import { ago } from '../../../../core/terminal/amounts.ts';
import type { LastRun } from '../../../../operations/status/last-run.ts';
import type { StreamProblem } from '../../../../operations/status/problem.ts';
import { statusJson } from '../../../../operations/status/status-json.ts';
import { statusText } from '../../../../operations/status/status-text.ts';
import type { Status, StreamStatus } from '../../../../operations/status/stream-status.ts';

const APPROXIMATE = '~ counts offsets; transactions and compaction leave some without a message';
const NOW_MS = Date.parse('2026-01-31T12:00:00Z');
const MINUTE_MS = 60_000;

const complete: Checkpoint = {
  run: 'r',
  startedAtMs: NOW_MS - 10 * MINUTE_MS,
  isFull: false,
  isComplete: true,
  round: 1,
  roundAtMs: 1,
  pages: 3,
  records: 300,
  expectedPages: undefined,
  slices: new Map(),
};
const done: LastRun = {
  run: 'r',
  outcome: 'done',
  finishedAtMs: NOW_MS - 3 * MINUTE_MS,
  failure: undefined,
};

const streamStatus = (stream: string, messages = 1_000n, some: Partial<StreamStatus> = {}): StreamStatus => ({
  stream,
  topic: {
    name: `chartmogul.${stream}`,
    partitions: [{ partition: 0, start: 0n, end: messages, lag: messages }],
  },
  table: { name: `${stream}_raw`, rows: messages },
  lag: messages,
  lastRun: done,
  checkpoint: complete,
  deadLetters: 0,
  problems: [],
  ...some,
});

const staleProblem = (stream: string, message: string, remedy: string): StreamProblem => ({
  ...{ kind: 'stale', severity: 'problem', stream, finishedAtMs: 1 },
  ...{ message, remedy },
});

const statusOf = (streams: readonly StreamStatus[], some: Partial<Status> = {}): Status => ({
  atMs: NOW_MS,
  streams,
  warnings: [],
  failures: [],
  ...some,
});
const linesOf = (status: Status, width = 80) => statusText(status, width).split('\n');
const cells = (line = '') => line.split(/ {2,}/);

test('statusText shows versions if a stream has a history table', () => {
  const [other, kept] = [
    streamStatus('customers'),
    streamStatus('plans', 1n, { history: { name: 'plans_raw_history', rows: 4_321n } }),
  ];
  assert.ok(!cells(linesOf(statusOf([other]))[0]).includes('versions'));
  const [head, ...rows] = linesOf(statusOf([other, kept]), 200).map(cells);
  const at = head?.indexOf('versions') ?? -1;
  assert.equal(head?.[at - 1], 'rows');
  assert.deepEqual(
    rows.slice(0, 2).map((row) => row[at]),
    ['–', '4,321'],
  );
});

test('statusText shows a line per stream, a dash for missing values and ? for unknown values', () => {
  const lines = linesOf(
    statusOf([
      streamStatus('plans', 1_234n, { lag: 0n }),
      streamStatus('tasks', 1n, { lastRun: null, checkpoint: null, table: null }),
      streamStatus('notes', 1n, { topic: null, lag: null }),
      streamStatus('runs', 1n, { table: undefined, lag: undefined, lastRun: undefined }),
    ]),
  );
  assert.deepEqual(lines.slice(0, 5).map(cells), [
    ['stream', 'messages', 'lag', 'rows', 'produced', 'checkpoint'],
    ['plans', '~1,234', '0', '1,234', '3m ago', 'complete'],
    ['tasks', '~1', '~1', '–', '–', '–'],
    ['notes', '–', '–', '1', '3m ago', 'complete'],
    ['runs', '~1', '?', '?', '?', 'complete'],
  ]);
  assert.deepEqual(lines.slice(5), ['', APPROXIMATE, '? marks values whose service did not respond']);
  const [, empty, ...rest] = linesOf(statusOf([streamStatus('plans', 0n)]));
  assert.deepEqual([cells(empty).slice(1, 3), rest], [['0', '0'], []]);
});

test('statusText shows when a run failed and the page of its checkpoint', () => {
  const [, line] = linesOf(
    statusOf([
      streamStatus('plans', 5n, {
        lastRun: { ...done, outcome: 'failed', finishedAtMs: NOW_MS - 2 * 3_600_000 },
        checkpoint: { ...complete, isComplete: false, pages: 1_200 },
        deadLetters: 7,
      }),
    ]),
  );
  assert.deepEqual(cells(line), ['plans', '~5', '~5', '5', 'failed 2h ago', 'page 1,200', '7']);
});

test('statusText has a column for dead letters unless there are known to be none', () => {
  const heads = (some: Partial<StreamStatus>) =>
    cells(linesOf(statusOf([streamStatus('plans'), streamStatus('tasks', 1n, some)]))[0]).at(-1);
  assert.equal(heads({}), 'checkpoint');
  assert.equal(heads({ deadLetters: 1 }), 'dead');
  assert.equal(heads({ deadLetters: undefined }), 'dead');
});

test('statusText fits 80 columns by shortening numbers first and then names', () => {
  const long = { lastRun: { ...done, outcome: 'stopped', finishedAtMs: NOW_MS - 59 * MINUTE_MS } } as const;
  const wide = streamStatus('metrics_customer_churn_rate', 123_456_789_012n);
  const [, shortened = ''] = linesOf(statusOf([wide]));
  assert.deepEqual(cells(shortened).slice(0, 4), ['metrics_customer_churn_rate', '~123G', '~123G', '123G']);
  const widest = [
    { ...wide, ...long, deadLetters: 99_999, checkpoint: { ...complete, isComplete: false, pages: 99_999 } },
    streamStatus('x'.repeat(100), 10n ** 17n),
    streamStatus('plans'),
  ];
  const lines = linesOf(statusOf(widest));
  for (const line of lines) assert.ok(line.length <= 80, `${line.length}: ${line}`);
  assert.match(lines[1] ?? '', /^metrics_custom\w*… .* stopped 59m ago {2}page 100k +100k$/);
  assert.match(
    linesOf(statusOf([wide]), 200)[1] ?? '',
    /~123,456,789,012 +~123,456,789,012 +123,456,789,012/,
  );
});

test('statusText shows a warning that several topics share only once', () => {
  const same = (...names: string[]) =>
    names.map((about) => ({ kind: 'no-table', about, message: 'no table yet' }) as const);
  const warnings = [
    ...same('a', 'b'),
    { kind: 'view', about: 'a', message: 'other' } as const,
    ...same('c', 'd', 'e'),
  ];
  const lines = linesOf(statusOf([streamStatus('plans')], { warnings }));
  assert.deepEqual(lines.slice(2), [
    '',
    APPROXIMATE,
    'warning: a, b, c and 2 more: no table yet',
    'warning: a: other',
  ]);
});

test('statusText names the next step if nothing was produced', () => {
  assert.equal(statusText(statusOf([]), 80), 'no stream has a topic or a table yet; run `npm run produce`');
});

const agos = [
  [-5_000, '0s ago'],
  [59_999, '59s ago'],
  [60_000, '1m ago'],
  [3_599_999, '59m ago'],
  [3_600_000, '1h ago'],
  [86_399_999, '23h ago'],
  [40 * 86_400_000, '40d ago'],
] as const;
for (const [ms, text] of agos) test(`ago formats ${ms} ms as ${text}`, () => assert.equal(ago(0, ms), text));

test('statusJson contains ISO times, null for missing values and nothing for unknown values', () => {
  const status = statusOf(
    [
      streamStatus('plans', 12n, {
        lag: 3n,
        lastRun: { ...done, outcome: 'failed', failure: 'why' },
        problems: [staleProblem('plans', 'old', 'run')],
      }),
      streamStatus('tasks', 1n, { topic: null, lag: null, table: undefined, checkpoint: null }),
    ],
    { warnings: [{ kind: 'view', about: 'topic a', message: 'b; do c' }], failures: ['c'] },
  );
  const json = JSON.parse(statusJson(status, loadSettings({}, ''))) as Record<string, unknown> & {
    streams: Record<string, unknown>[];
  };
  assert.deepEqual(
    { at: json['at'], topicPrefix: json['topicPrefix'], database: json['database'] },
    { at: '2026-01-31T12:00:00.000Z', topicPrefix: 'chartmogul.', database: 'chartmogul' },
  );
  assert.deepEqual(
    { warnings: json['warnings'], failures: json['failures'] },
    { warnings: [{ about: 'topic a', message: 'b; do c' }], failures: ['c'] },
  );
  assert.deepEqual(json['attention'], [
    { kind: 'service', severity: 'failure', message: 'c' },
    { kind: 'stale', severity: 'problem', stream: 'plans', finishedAtMs: 1, message: 'old', remedy: 'run' },
    { kind: 'view', severity: 'warning', about: 'topic a', message: 'b', remedy: 'do c' },
  ]);
  assert.deepEqual(json.streams[0], {
    stream: 'plans',
    topic: {
      name: 'chartmogul.plans',
      messages: 12,
      partitions: [{ partition: 0, start: 0, end: 12, lag: 12 }],
    },
    lag: 3,
    table: { name: 'plans_raw', rows: 12 },
    lastRun: { run: 'r', outcome: 'failed', finishedAt: '2026-01-31T11:57:00.000Z', failure: 'why' },
    checkpoint: { run: 'r', startedAt: '2026-01-31T11:50:00.000Z', isComplete: true, pages: 3, records: 300 },
    deadLetters: 0,
    problems: ['old; run'],
  });
  assert.deepEqual(
    ['topic', 'lag', 'checkpoint', 'table'].map((name) => json.streams[1]?.[name]),
    [null, null, null, undefined],
  );
});

test('statusJson shows null for a time outside the calendar', () => {
  const odd = streamStatus('plans', 1n, { lastRun: { ...done, finishedAtMs: 9e15 } });
  assert.match(statusJson(statusOf([odd]), loadSettings({}, '')), /"finishedAt": null/);
});

test('statusText shows problems below the table and shared problems once', () => {
  const stale = (stream: string) => staleProblem(stream, 'stale', 'run produce');
  const stalled = (stream: string, lag: bigint): StreamProblem => ({
    ...{ kind: 'stalled', severity: 'problem', stream, lag },
    ...{ message: `lag ${lag}`, remedy: 'run sink' },
  });
  const deadLetter: StreamProblem = {
    ...{ kind: 'dead-letters', severity: 'problem', stream: 'plans', count: 1 },
    ...{ message: '1 dead letter pending', remedy: '`list`' },
  };
  const lines = linesOf(
    statusOf([
      streamStatus('plans', 1n, { problems: [stale('plans'), stalled('plans', 3n), deadLetter] }),
      streamStatus('tasks', 1n, { problems: [stale('tasks'), stalled('tasks', 5n)] }),
    ]),
  );
  assert.deepEqual(lines.slice(-3), [
    'problem: plans, tasks: stale; run produce',
    'problem: plans, tasks: lag of ~8 messages and no progress; run sink',
    'problem: plans: 1 dead letter pending: `list`',
  ]);
});
