import assert from 'node:assert/strict';
import test from 'node:test';
import { RateHistory } from '../../../../dashboard/server/live/rate-history.ts';

function at(end: number, committed: number) {
  return new Map([['plans', { end: BigInt(end), committed: BigInt(committed), lag: undefined }]]);
}

test('RateHistory counts moved messages, but none for a new stream or a recreated topic', () => {
  const history = new RateHistory(1_000, 3);
  assert.deepEqual([...history.add(at(100, 90), 0).moved], []);
  assert.deepEqual([...history.add(at(105, 92), 500).moved], [['plans', { produced: 5, sunk: 2 }]]);
  assert.deepEqual([...history.add(at(3, 0), 900).moved], []);
});

test('RateHistory closes buckets as time passes and keeps only the latest ones', () => {
  const history = new RateHistory(1_000, 3);
  history.add(at(0, 0), 0);
  history.add(at(4, 1), 400);
  assert.deepEqual(history.add(at(9, 1), 1_000).ended, [{ plans: { produced: 4, sunk: 1 } }]);
  assert.deepEqual(history.history(1_000).streams, { plans: { produced: [4], sunk: [1] } });
  assert.deepEqual(history.add(at(9, 1), 3_100).ended, [{ plans: { produced: 5, sunk: 0 } }, {}]);
  history.add(at(9, 1), 4_000);
  assert.deepEqual(history.history(4_000).streams, { plans: { produced: [5, 0, 0], sunk: [0, 0, 0] } });
  history.add(at(9, 1), 5_000);
  assert.deepEqual(history.history(5_000).streams, {});
});

test('RateHistory starts over after a long pause', () => {
  const history = new RateHistory(1_000, 3);
  history.add(at(0, 0), 0);
  history.add(at(4, 1), 400);
  history.add(at(4, 1), 1_000);
  const { moved, ended, isReset } = history.add(at(900, 900), 60_000);
  assert.deepEqual([[...moved], ended, isReset], [[], [], true]);
  assert.deepEqual(history.history(60_000).streams, {});
});

test('RateHistory shows no rates from before a long pause', () => {
  const history = new RateHistory(1_000, 3);
  history.add(at(0, 0), 0);
  history.add(at(4, 1), 400);
  history.add(at(4, 1), 1_000);
  assert.deepEqual(history.history(30_000).streams, { plans: { produced: [4], sunk: [1] } });
  assert.deepEqual(history.history(3_600_000).streams, {});
});
