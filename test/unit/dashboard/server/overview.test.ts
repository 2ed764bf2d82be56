import assert from 'node:assert/strict';
import test from 'node:test';
import { overviewOf } from '../../../../dashboard/server/live/overview.ts';
import type { LastRun } from '../../../../operations/status/last-run.ts';
import { problemsOf } from '../../../../operations/status/problems.ts';
import type { Status, StreamStatus } from '../../../../operations/status/stream-status.ts';

const atMs = Date.parse('2026-03-01T12:00:00Z');

function lastRun(
  run: string,
  change: Partial<LastRun> = {},
  counts: Partial<LastRun['counts']> = {},
): LastRun {
  const none = {
    records: 0,
    new: 0,
    changed: 0,
    deleted: 0,
    requests: 0,
    retries: 0,
    rateLimited: 0,
    seconds: 0,
  };
  return {
    run,
    outcome: 'done',
    finishedAtMs: atMs - 1000,
    failure: undefined,
    counts: { ...none, ...counts },
    ...change,
  };
}

function stream(name: string, change: Partial<StreamStatus> = {}, isStalled = false): StreamStatus {
  const facts = {
    stream: name,
    topic: { name: `t.${name}`, partitions: [{ partition: 0, start: 2n, end: 12n, lag: 0n }] },
    table: { name: `${name}_raw`, rows: 7n },
    lag: 0n,
    lastRun: lastRun('r1'),
    checkpoint: null,
    deadLetters: 0,
    ...change,
  };
  return { ...facts, problems: problemsOf(facts, { atMs, maxAgeMs: 86_400_000, isStalled }) };
}

function overview(streams: readonly StreamStatus[], change: Partial<Status> = {}) {
  const status = { atMs, streams, warnings: [], failures: [], ...change };
  // As a client receives it: undefined members are absent.
  return JSON.parse(JSON.stringify(overviewOf(status))) as Record<string, unknown> &
    Pick<ReturnType<typeof overviewOf>, 'attention' | 'streams'>;
}

test('overviewOf returns 0 for no lag, null for what does not exist, and omits unknown values', () => {
  const { streams } = overview([
    stream('plans'),
    stream('tasks', { topic: null, lag: null, table: null, lastRun: null }),
    stream('notes', {
      topic: undefined,
      lag: undefined,
      table: undefined,
      lastRun: undefined,
      deadLetters: undefined,
    }),
  ]);
  const run = { run: 'r1', outcome: 'done', finishedAtMs: atMs - 1000, new: 0, changed: 0, deleted: 0 };
  const flags = { isUnfinished: false, hasProblem: false };
  assert.deepEqual(streams, [
    { stream: 'plans', messages: 10, lag: 0, rows: 7, deadLetters: 0, lastRun: run, ...flags },
    { stream: 'tasks', messages: null, lag: null, rows: null, deadLetters: 0, lastRun: null, ...flags },
    { stream: 'notes', ...flags },
  ]);
});

test('overviewOf sums the newest run over its streams and uses the longest duration', () => {
  const { lastRun: totals } = overview([
    stream('plans', { lastRun: lastRun('new', {}, { requests: 10, seconds: 2, rateLimited: 1 }) }),
    stream('tasks', {
      lastRun: lastRun('new', { finishedAtMs: atMs }, { requests: 30, seconds: 4, retries: 2 }),
    }),
    stream('notes', {
      lastRun: lastRun('old', { finishedAtMs: atMs - 9000 }, { requests: 500, seconds: 1 }),
    }),
  ]);
  const counts = { streams: 2, requests: 40, requestsPerSecond: 10, retries: 2, rateLimited: 1 };
  assert.deepEqual(totals, { run: 'new', finishedAtMs: atMs, ...counts });
});

test('overviewOf returns null as the last run if there is none, and omits an unknown last run', () => {
  assert.equal(overview([])['lastRun'], null);
  assert.equal('lastRun' in overview([], { failures: ['Kafka does not respond'] }), false);
});

test('overviewOf lists failures first, then failed streams, other problems and warnings', () => {
  const { attention } = overview(
    [
      stream('plans', { deadLetters: 2 }),
      stream('tasks', { lastRun: lastRun('r1', { outcome: 'failed', failure: 'no answer' }) }),
    ],
    {
      failures: ['ClickHouse does not respond'],
      warnings: [{ kind: 'retention', about: 'topic t.plans', message: 'loses data' }],
    },
  );
  assert.deepEqual(
    attention.map(({ severity, kind, about, run }) => [severity, kind, about.join(), run]),
    [
      ['failure', 'service', '', undefined],
      ['problem', 'failed', 'tasks', 'r1'],
      ['problem', 'dead-letters', 'plans', undefined],
      ['warning', 'retention', 'topic t.plans', undefined],
    ],
  );
});

test('overviewOf combines stalled streams into one entry with the sum of their lag', () => {
  const one = overview([stream('plans', { lag: 3n }, true)]).attention;
  assert.equal(one[0]?.message, 'lag of ~3 messages and no progress');
  assert.equal(one[0].remedy, 'check that `npm run sink` is running');
  const two = overview([stream('plans', { lag: 3n }, true), stream('tasks', { lag: 4n }, true)]).attention;
  assert.deepEqual(
    two.map(({ about }) => about),
    [['plans', 'tasks']],
  );
  assert.equal(two[0]?.message, 'lag of ~7 messages and no progress');
});
