import assert from 'node:assert/strict';
import test from 'node:test';
import { isCommitValid, partitionLag } from '../../../../operations/status/lag.ts';

interface Case {
  readonly what: string;
  readonly log: readonly [start: bigint, end: bigint];
  readonly next: bigint;
  readonly committed?: bigint;
  readonly lag: bigint;
}

const cases: readonly Case[] = [
  { what: 'an empty partition', log: [0n, 0n], next: 0n, lag: 0n },
  { what: 'a partition of which the table has nothing', log: [5n, 12n], next: 5n, lag: 7n },
  { what: 'one that was sunk in part', log: [0n, 12n], next: 4n, lag: 8n },
  { what: 'one that was sunk', log: [0n, 12n], next: 12n, lag: 0n },
  {
    what: 'the mark of a transaction at the end, passed',
    log: [0n, 12n],
    next: 11n,
    committed: 12n,
    lag: 0n,
  },
  { what: 'the mark at the end, not passed', log: [0n, 12n], next: 11n, committed: 10n, lag: 1n },
  { what: 'letters, then more messages', log: [0n, 12n], next: 4n, committed: 9n, lag: 3n },
  { what: 'a commit that the table is ahead of', log: [0n, 12n], next: 8n, committed: 3n, lag: 4n },
  {
    what: 'a commit beyond the end, of an earlier topic',
    log: [0n, 12n],
    next: 0n,
    committed: 90n,
    lag: 12n,
  },
  { what: 'rows of messages that retention took', log: [20n, 30n], next: 4n, lag: 10n },
];
for (const { what, log, next, committed, lag } of cases) {
  test(`${what}: a lag of ${lag}`, () => {
    const [start, end] = log;
    assert.equal(partitionLag({ start, end }, next, committed), lag);
  });
}

test('committed offsets do not hide the lag of a missing or empty table', () => {
  assert.equal(isCommitValid(undefined), false);
  assert.equal(isCommitValid(0n), false);
  assert.equal(isCommitValid(1n), true);
});
