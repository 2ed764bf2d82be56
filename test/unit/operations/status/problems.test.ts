import assert from 'node:assert/strict';
import test from 'node:test';
import type { LastRun } from '../../../../operations/status/last-run.ts';
import { problemText } from '../../../../operations/status/problem.ts';
import { problemsOf } from '../../../../operations/status/problems.ts';
import type { StreamStatus } from '../../../../operations/status/stream-status.ts';

const atMs = Date.parse('2026-01-31T12:00:00Z');
const hourMs = 3_600_000;

const run = (outcome: LastRun['outcome'], agoMs: number, failure?: string): LastRun => ({
  run: 'r',
  outcome,
  finishedAtMs: atMs - agoMs,
  failure,
});
const healthy: Omit<StreamStatus, 'problems'> = {
  stream: 'plans',
  topic: null,
  table: null,
  lag: 0n,
  lastRun: run('done', hourMs),
  checkpoint: null,
  deadLetters: 0,
};

const cases: readonly (readonly [
  name: string,
  some: Partial<StreamStatus>,
  isStalled: boolean,
  problems: RegExp[],
])[] = [
  ['is healthy', {}, false, []],
  ['was never produced', { lastRun: null }, false, []],
  ['cannot be read', { lastRun: undefined, lag: undefined, deadLetters: undefined }, false, []],
  ['is absent from the account', { lastRun: run('absent', hourMs) }, false, []],
  ['has lag and makes progress', { lag: 12_000n }, false, []],
  [
    'failed',
    { lastRun: run('failed', hourMs, 'no answer') },
    false,
    [/last run of produce failed: no answer/],
  ],
  ['is stale', { lastRun: run('done', 25 * hourMs) }, false, [/^stale: .* 1d ago; .*npm run produce/]],
  ['is stalled', { lag: 12_000n }, true, [/^lag of ~12,000 messages and no progress; .*npm run sink/]],
  ['has a dead letter', { deadLetters: 1 }, false, [/^1 dead letter pending: .*--streams plans/]],
  [
    'has every problem',
    { lastRun: run('failed', 48 * hourMs), deadLetters: 2, lag: 1n },
    true,
    [/failed: no reason recorded/, /stale/, /lag of ~1 message and/, /2 dead letters/],
  ],
];
for (const [name, some, isStalled, expected] of cases) {
  test(`problemsOf lists ${expected.length} problem${expected.length === 1 ? '' : 's'} for a stream that ${name}`, () => {
    const problems = problemsOf({ ...healthy, ...some }, { atMs, maxAgeMs: 24 * hourMs, isStalled });
    assert.equal(problems.length, expected.length);
    for (const [index, pattern] of expected.entries()) {
      const problem = problems[index];
      assert.match(problem === undefined ? '' : problemText(problem), pattern);
    }
  });
}
