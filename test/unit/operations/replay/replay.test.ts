import assert from 'node:assert/strict';
import test from 'node:test';
import { parseFrom } from '../../../../operations/replay/parse-from.ts';
import { ReplayCounts } from '../../../../operations/replay/replay-counts.ts';
import { replayLines } from '../../../../operations/replay/replay-progress.ts';
import { keptRows, rowsToCarryOver } from '../../../../operations/replay/replay-range.ts';
import { failureLines, planSummary, replaySummary } from '../../../../operations/replay/replay-summary.ts';
import { additionsIn } from '../../../../operations/replay/user-definitions.ts';
import { ConfigError, StoppedError } from '../../../../core/errors.ts';

const NOW = Date.parse('2026-03-01T00:00:00Z');

for (const [text, ms] of [
  ['beginning', undefined],
  ['2026-01-31', Date.parse('2026-01-31T00:00:00Z')],
  ['2026-01-31T12:30Z', Date.parse('2026-01-31T12:30:00Z')],
  ['2026-01-31T12:30:00.5+02:00', Date.parse('2026-01-31T10:30:00.500Z')],
  ['2026-03-01T00:00:00Z', NOW],
] as const) {
  test(`parseFrom accepts ${text}`, () => assert.equal(parseFrom(text, NOW), ms));
}

for (const text of [
  '',
  'now',
  '31.01.2026',
  '2026-01-31T12:30',
  '2026-02-30T25:00Z',
  '2026-02-30T00:00:00Z',
  '1769817600000',
  '2026-03-01T00:00:01Z',
]) {
  test(`parseFrom rejects ${JSON.stringify(text)}`, () =>
    assert.throws(
      () => parseFrom(text, NOW),
      (error) => error instanceof ConfigError && /^--from must /.test(error.message),
    ));
}

const rowsAt = (...partitions: readonly (readonly [number, bigint, bigint?])[]) =>
  partitions.map(([partition, offset, timeMs = 0n]) => {
    const position = { offset, timeMs };
    return { partition, topicId: 1n, highest: position, newest: position };
  });

test('rowsToCarryOver returns rows that the new table lacks, and none from a deleted topic', () => {
  const live = rowsAt(
    [0, 10n, 500n],
    [1, 7n, 400n],
    [2, 90n, 100n],
    [3, 5n, 1n],
    [4, 99_999n, 500n],
    [5, 99_999n, 500n],
  );
  const shadow = rowsAt([0, 8n, 450n], [1, 9n, 460n], [2, 4n, 470n], [4, 8n, 450n], [5, 8n, 450n]);
  const ends = new Map([100n, 100n, 100n, 100n, 12n, 9n].map((end, partition) => [partition, end]));
  assert.deepEqual(rowsToCarryOver(live, shadow, ends), [
    { partition: 0, from: 9n, to: 11n, sinceMs: 450n },
    // The rows of the deleted topic are older, so `sinceMs` excludes them.
    { partition: 2, from: 5n, to: 91n, sinceMs: 470n },
    // The range ends where the topic ends.
    { partition: 4, from: 9n, to: 12n, sinceMs: 450n },
  ]);
});

test('keptRows returns the rows before a time', () => {
  assert.deepEqual(keptRows(1_000, rowsAt([2, 41n])), [
    { partition: 2, from: 0n, to: 42n, beforeMs: 1_000n },
  ]);
});

const counted = (stream: string, more: Partial<ReplayCounts>) =>
  Object.assign(new ReplayCounts(stream), more);

test('replayLines shows the share, rate and remaining time of a table that is being filled', () => {
  const filling = counted('customers', {
    state: 'filling',
    offsets: 2_000_000,
    passed: 500_000,
    startedMs: 1_000,
  });
  const [line = ''] = replayLines([filling], 3_000, 80, 10);
  assert.match(line, /^customers {2}█+░+ {2}25 % {2}250,000\/s {2}0:06 left$/);
});

test('replayLines names steps of unknown length, counts waiting streams and fits the width', () => {
  const counts = [
    counted('a'.repeat(60), { state: 'filling', offsets: 10, passed: 1, startedMs: 0 }),
    counted('plans', { state: 'proving', rows: 1_234 }),
    counted('tasks', { state: 'waiting' }),
    counted('notes', { state: 'done' }),
  ];
  const lines = replayLines(counts, 1_000, 40, 10);
  assert.equal(lines.length, 3);
  assert.match(replayLines(counts, 1_000, 80, 10)[1] ?? '', /^plans .*proving {2}1,234 rows$/);
  assert.equal(lines[2], 'and 1 more');
  for (const line of lines) assert.ok(line.length <= 40, line);
  assert.equal(replayLines(counts, 1_000, 40, 2).length, 2);
  assert.deepEqual(replayLines([counted('notes', { state: 'done' })], 1_000, 40, 5), []);
});

test('replaySummary reports missing rows, and both it and planSummary fit 80 columns', () => {
  const counts = [
    counted('customers', {
      state: 'done',
      rows: 12_345,
      liveBefore: 100,
      liveAfter: 98,
      startedMs: 0,
      swappedMs: 1_500,
      deadLetters: 2,
    }),
    counted('metrics_customer_churn_rate', { state: 'failed', failure: new Error('why') }),
  ];
  const text = replaySummary(counts);
  assert.match(text, /^customers +12,345 +100 +98 +1\.5 +ok$/m);
  assert.match(text, /^customers: 2 rows fewer than before, because the topic lacks the messages$/m);
  assert.match(text, /^customers: 2 dead letters: npm run dead-letters -- list$/m);
  assert.deepEqual(failureLines(counts), ['metrics_customer_churn_rate failed: why']);
  for (const line of text.split('\n')) assert.ok(line.length <= 80, line);
  const plan = planSummary([
    {
      stream: 'metrics_customer_churn_rate',
      live: undefined,
      messages: 123_456_789,
      bytes: 9e10,
      isExact: false,
      seconds: 7_200,
    },
    { stream: 'plans', live: 9, messages: 10, bytes: 1_800, isExact: true, seconds: 2 },
  ]);
  assert.match(plan, / - +~123,456,789 +~85,830\.7 MiB +2:00:00$/m);
  assert.match(plan, /^plans +9 {2,}10 {2,}1\.8 KiB +0:02$/m);
  assert.match(plan, /\n~ is an estimate from a sample\. /);
  for (const line of plan.split('\n')) assert.ok(line.length <= 80, line);
});

test('failureLines shows stopped streams on one line', () => {
  const stopped = { state: 'failed' as const, failure: new StoppedError('stopped by SIGINT') };
  const counts = [counted('a', stopped), counted('b', { state: 'done' }), counted('c', stopped)];
  assert.deepEqual(failureLines(counts), ['stopped by SIGINT: 1 replayed, 2 left unchanged']);
});

for (const [what, sql, lost] of [
  [
    "no additions in the sink's own table",
    'CREATE TABLE a.b (`x` String, CONSTRAINT shape_3 ASSUME 1) ENGINE = ReplacingMergeTree ORDER BY x',
    [],
  ],
  [
    'indexes, projections, constraints and TTL',
    "CREATE TABLE a.b (`x` String COMMENT 'an INDEX i of TTL', INDEX ix x TYPE set(0) GRANULARITY 1, PROJECTION p (SELECT x ORDER BY x), CONSTRAINT shape_3 ASSUME 1, CONSTRAINT c2 CHECK x != '') ENGINE = MergeTree ORDER BY x TTL t + INTERVAL 1 DAY SETTINGS a = 1",
    ['INDEX ix', 'PROJECTION p', 'CONSTRAINT c2', 'TTL'],
  ],
  ['no additions without a table', '', []],
] as const) {
  test(`additionsIn finds ${what}`, () => assert.deepEqual(additionsIn(sql), lost));
}
