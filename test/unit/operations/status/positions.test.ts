import assert from 'node:assert/strict';
import test from 'node:test';
import { isLagByCommits, positionOf } from '../../../../operations/status/positions.ts';

const partition = (at: number, start: bigint, end: bigint) => ({ partition: at, start, end });
const commits = (...offsets: readonly (readonly [number, bigint])[]) =>
  new Map(offsets.map(([at, offset]) => [at, { offset }]));

const cases = [
  ['everything committed', [partition(0, 0n, 10n)], commits([0, 10n]), { end: 10n, committed: 10n, lag: 0n }],
  [
    'some lag',
    [partition(0, 0n, 10n), partition(1, 0n, 5n)],
    commits([0, 4n], [1, 5n]),
    { end: 15n, committed: 9n, lag: 6n },
  ],
  ['no commit', [partition(0, 0n, 10n)], commits(), { end: 10n, committed: 0n, lag: undefined }],
  ['no messages', [partition(0, 7n, 7n)], commits(), { end: 7n, committed: 0n, lag: 0n }],
  [
    'messages removed by retention',
    [partition(0, 8n, 10n)],
    commits([0, 3n]),
    { end: 10n, committed: 3n, lag: 2n },
  ],
  ['a commit beyond the end', [partition(0, 0n, 4n)], commits([0, 9n]), { end: 4n, committed: 9n, lag: 0n }],
] as const;
for (const [name, partitions, committed, position] of cases) {
  test(`positionOf sums partitions with ${name}`, () => {
    assert.deepEqual(positionOf(partitions, committed), position);
  });
}

test('isLagByCommits is true only if the lag in the status excludes committed messages', () => {
  const status = (lag: bigint) => ({
    topic: { name: 't', partitions: [{ partition: 0, start: 0n, end: 10n, lag }] },
    lag,
  });
  const before = { end: 10n, committed: 6n, lag: 4n };
  assert.equal(isLagByCommits(status(4n), before), true);
  assert.equal(isLagByCommits(status(1n), before), true, 'must be true if the sink has committed since');
  assert.equal(isLagByCommits(status(10n), before), false, 'must be false if the table was dropped');
  assert.equal(isLagByCommits({ topic: null, lag: null }, before), false);
});
