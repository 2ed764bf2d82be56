import assert from 'node:assert/strict';
import test from 'node:test';
import type { StreamProblem } from '../../../../operations/status/problem.ts';
import type { StatusSample } from '../../../../operations/status/status-sampler.ts';
import type { StreamStatus } from '../../../../operations/status/stream-status.ts';
import { watchLines } from '../../../../operations/status/watch-text.ts';

const NOW = Date.parse('2026-01-02T03:04:05Z');

function streamOf(stream: string, some: Partial<StreamStatus> = {}): StreamStatus {
  return {
    stream,
    topic: { name: `chartmogul.${stream}`, partitions: [{ partition: 0, start: 0n, end: 9n, lag: 0n }] },
    table: { name: `${stream}_raw`, rows: 1_234_567n },
    lag: 0n,
    lastRun: { run: 'r', outcome: 'done', finishedAtMs: NOW - 180_000, failure: undefined },
    checkpoint: null,
    deadLetters: 0,
    problems: [],
    ...some,
  };
}

function problemOf(message: string, remedy: string): StreamProblem {
  return { kind: 'failed', severity: 'problem', stream: 'plans', run: 'r', message, remedy };
}

function sampleOf(
  streams: readonly StreamStatus[],
  some: Partial<StatusSample['status']> = {},
): StatusSample {
  return {
    status: { atMs: NOW - 2_000, streams, warnings: [], failures: [], ...some },
    rates: new Map([['plans', { producedPerSecond: 1_500, sunkPerSecond: 12.5 }]]),
  };
}

const screen = { columns: 80, rows: 40, nowMs: NOW };

test('watchLines shows rates, lag and freshness of each stream', () => {
  const lines = watchLines(
    sampleOf([streamOf('customers'), streamOf('plans', { lag: 42n, deadLetters: 3 })]),
    screen,
  );
  assert.deepEqual(lines, [
    '03:04:03 UTC (2s ago)  topics +1.5k/s  sink 12.5/s  lag 42',
    '',
    'stream      in/s  sunk/s     lag    rows  produced  dead',
    'plans       1.5k    12.5      42    1.2M  3m ago       3',
    'customers      –       –       0    1.2M  3m ago       0',
  ]);
});

test('watchLines shows failures, problems with remedies and warnings first', () => {
  const problem = problemOf('the last run of produce failed: no answer', 'run `npm run ping`');
  const lines = watchLines(
    sampleOf([streamOf('customers'), streamOf('plans', { problems: [problem] })], {
      failures: ['Kafka does not respond'],
      warnings: [{ kind: 'retention', about: 'topic x', message: 'loses messages' }],
    }),
    screen,
  );
  assert.deepEqual(lines.slice(1, 7), [
    '',
    'Kafka does not respond',
    'problem: plans: the last run of produce failed: no answer; run `npm run ping`',
    'warning: topic x: loses messages',
    '',
    'stream      in/s  sunk/s     lag    rows  produced  dead',
  ]);
  assert.match(lines[7] ?? '', /^plans /);
});

test('watchLines fits any screen, with unknown values, long names and many problems', () => {
  const streams = Array.from({ length: 60 }, (_, index) =>
    streamOf(`a_stream_with_a_very_long_name_${index}`, {
      topic: undefined,
      table: undefined,
      lag: index % 2 === 0 ? undefined : 10n ** 12n,
      lastRun: { run: 'r', outcome: 'failed', finishedAtMs: 0, failure: 'x' },
      deadLetters: undefined,
      problems: [problemOf(`problem ${index}`, 'with a very long remedy '.repeat(9))],
    }),
  );
  for (const [columns, rows] of [
    [80, 40],
    [80, 24],
    [40, 12],
    [200, 60],
  ] as const) {
    const lines = watchLines(sampleOf(streams), { columns, rows, nowMs: NOW });
    assert.ok(lines.length <= rows, `${lines.length} lines on ${rows} rows`);
    assert.ok(lines.every(({ length }) => length <= columns));
    assert.ok(lines.some((line) => line.startsWith('a_stream')));
    assert.match(lines.join('\n'), /… \d+ more lines: npm run status\n/);
  }
});

test('watchLines names the next step if there is no stream', () => {
  assert.match(watchLines(sampleOf([]), screen).at(-1) ?? '', /run `npm run produce`$/);
});
