import assert from 'node:assert/strict';
import test from 'node:test';
import {
  blockOf,
  accumulated,
  lostSpan,
  trustedRows,
  commitMetadata,
  type CommittedRows,
} from '../../../../consumers/stream/commit-metadata.ts';

const owner = { topicId: 7n, table: 'abcd0123' };
const lastRows: CommittedRows = { highest: 9n, deadLetters: 3 };
const log = { next: 10n, highest: 9n, end: 20n };
const commitOf = (of: CommittedRows, offset = 13n, by = owner) => ({
  offset,
  metadata: commitMetadata(of, by),
});

test('dead letters after the last row are skipped, with or without a table', () => {
  assert.deepEqual(trustedRows(commitOf(lastRows), owner, log), lastRows);
  const none = { highest: undefined, deadLetters: 2 };
  const noTable = { topicId: 7n, table: '' };
  const start = { next: 0n, highest: undefined, end: 20n };
  assert.deepEqual(trustedRows(commitOf(none, 2n), owner, start), none);
  assert.deepEqual(trustedRows(commitOf(none, 2n, noTable), noTable, start), none);
});

const untrusted: readonly (readonly [string, ...Parameters<typeof trustedRows>])[] = [
  ['the table was emptied', commitOf(lastRows), owner, { ...log, next: 0n, highest: undefined }],
  ['the table has lost rows', commitOf(lastRows), owner, { ...log, next: 9n, highest: 8n }],
  ['the table has more rows', commitOf(lastRows), owner, { ...log, next: 12n, highest: 11n }],
  ['the table was recreated', commitOf(lastRows), { ...owner, table: 'ffff0123' }, log],
  ['the table was dropped', commitOf(lastRows), { ...owner, table: '' }, log],
  ['the table is new', commitOf(lastRows, 13n, { topicId: 7n, table: '' }), owner, log],
  ['the topic was recreated', commitOf(lastRows), { ...owner, topicId: 8n }, log],
  [
    'the topic id is unknown',
    commitOf(lastRows, 13n, { ...owner, topicId: 0n }),
    { ...owner, topicId: 0n },
    log,
  ],
  ['it counts no dead letters', commitOf({ highest: 9n, deadLetters: 0 }), owner, log],
  ['the committed offset is not after the resume offset', commitOf(lastRows, 10n), owner, log],
  ['the topic is shorter', commitOf(lastRows), owner, { ...log, end: 12n }],
  ['another consumer has committed', { offset: 13n, metadata: '' }, owner, log],
  ['the metadata has another format', { offset: 13n, metadata: '7 abcd0123 9 3 x' }, owner, log],
];
for (const [why, ...args] of untrusted) {
  test(`commit metadata is ignored when ${why}`, () => assert.equal(trustedRows(...args), undefined));
}

test('the dead-letter count in commit metadata accumulates, and restarts after a row', () => {
  const deadLetters = { highest: undefined, deadLetters: 2 };
  assert.deepEqual(accumulated(undefined, deadLetters), deadLetters);
  assert.deepEqual(accumulated(lastRows, deadLetters), { highest: 9n, deadLetters: 5 });
  assert.deepEqual(accumulated(lastRows, { highest: 15n, deadLetters: 1 }), { highest: 15n, deadLetters: 1 });
});

const withBlock = (offset: bigint, block: string, by = owner) => ({
  offset,
  metadata: commitMetadata(lastRows, by, block),
});

test('commit metadata contains the name of the last block, whatever its partition id', () => {
  for (const block of ['all_1', '20260101_77', 'a_b-c_9']) {
    assert.equal(blockOf(withBlock(13n, block)), block);
    assert.deepEqual(trustedRows(withBlock(13n, block), owner, log), lastRows);
  }
  assert.equal(blockOf(commitOf(lastRows)), undefined);
  assert.equal(blockOf({ offset: 13n, metadata: 'of another' }), undefined);
});

test("lostSpan reaches from the table's resume offset to its highest committed row", () => {
  assert.deepEqual(lostSpan(withBlock(13n, 'all_1'), owner, { next: 4n, end: 20n }), { from: 4n, to: 10n });
  assert.deepEqual(lostSpan(commitOf(lastRows), owner, { next: 9n, end: 13n }), { from: 9n, to: 10n });
});

const nothingLost: readonly (readonly [string, ...Parameters<typeof lostSpan>])[] = [
  ['the table has the highest committed row', commitOf(lastRows), owner, { next: 10n, end: 20n }],
  ['the table has later rows', commitOf(lastRows), owner, { next: 15n, end: 20n }],
  ['the table was recreated', commitOf(lastRows), { ...owner, table: 'ffff0123' }, { next: 4n, end: 20n }],
  ['the topic was recreated', commitOf(lastRows), { ...owner, topicId: 8n }, { next: 4n, end: 20n }],
  ['the topic is shorter', commitOf(lastRows), owner, { next: 4n, end: 12n }],
  ['the commit was moved back', commitOf(lastRows, 9n), owner, { next: 4n, end: 20n }],
  ['no row was committed', commitOf({ highest: undefined, deadLetters: 3 }), owner, { next: 0n, end: 20n }],
  ['another consumer has committed', { offset: 13n, metadata: '' }, owner, { next: 4n, end: 20n }],
];
for (const [why, ...args] of nothingLost) {
  test(`merged rows are not looked up when ${why}`, () => assert.equal(lostSpan(...args), undefined));
}
