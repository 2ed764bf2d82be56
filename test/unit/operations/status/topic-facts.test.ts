import assert from 'node:assert/strict';
import test from 'node:test';
import { commitMetadata, type CommitScope } from '../../../../consumers/stream/commit-metadata.ts';
import { isCommitValid, partitionLag } from '../../../../operations/status/topic-facts.ts';

interface Case {
  readonly what: string;
  readonly log: readonly [start: bigint, end: bigint];
  readonly next: bigint;
  readonly committed?: bigint;
  readonly lag: bigint;
}

const cases: readonly Case[] = [
  { what: 'an empty partition', log: [0n, 0n], next: 0n, lag: 0n },
  { what: 'a partition without rows', log: [5n, 12n], next: 5n, lag: 7n },
  { what: 'a partially sunk partition', log: [0n, 12n], next: 4n, lag: 8n },
  { what: 'a fully sunk partition', log: [0n, 12n], next: 12n, lag: 0n },
  {
    what: 'a transaction marker at the end, before the committed offset',
    log: [0n, 12n],
    next: 11n,
    committed: 12n,
    lag: 0n,
  },
  {
    what: 'a transaction marker at the end, after the committed offset',
    log: [0n, 12n],
    next: 11n,
    committed: 10n,
    lag: 1n,
  },
  { what: 'dead letters followed by messages', log: [0n, 12n], next: 4n, committed: 9n, lag: 3n },
  { what: 'a commit below the rows', log: [0n, 12n], next: 8n, committed: 3n, lag: 4n },
  {
    what: 'a commit beyond the end, from an earlier topic',
    log: [0n, 12n],
    next: 0n,
    committed: 90n,
    lag: 12n,
  },
  { what: 'rows of messages that retention removed', log: [20n, 30n], next: 4n, lag: 10n },
];
for (const { what, log, next, committed, lag } of cases) {
  test(`partitionLag is ${lag} for ${what}`, () => {
    const [start, end] = log;
    assert.equal(partitionLag({ start, end }, next, committed), lag);
  });
}

const scope = { topicId: 7n, table: 'a1b2' };
const commits: readonly (readonly [
  what: string,
  commit: CommitScope,
  highest: bigint | undefined,
  rows: bigint,
  isValid: boolean,
])[] = [
  ['of a table with rows', { ...scope, table: 'other' }, undefined, 1n, true],
  ['of a table that never had rows', scope, undefined, 0n, true],
  ['of a table that was emptied', scope, 3n, 0n, false],
  ['of a table that was recreated', { ...scope, table: 'other' }, undefined, 0n, false],
  ['of a topic that was recreated', { ...scope, topicId: 6n }, undefined, 0n, false],
];
for (const [what, committed, highest, rows, isValid] of commits) {
  test(`isCommitValid is ${isValid} for a commit ${what}`, () => {
    const metadata = commitMetadata({ highest, deadLetters: 4 }, committed);
    assert.equal(isCommitValid({ offset: 4n, metadata }, scope, rows), isValid);
  });
}

test('isCommitValid is false without rows or metadata', () => {
  assert.equal(isCommitValid({ offset: 4n, metadata: '' }, scope, 0n), false);
});
