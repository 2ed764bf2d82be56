import assert from 'node:assert/strict';
import test from 'node:test';
import { sourceSummary } from '../../../../operations/reconcile/source/reconcile-source.ts';
import { noDifferences } from '../../../../operations/reconcile/comparison.ts';
import { reconcileSummary } from '../../../../operations/reconcile/reconcile-summary.ts';
import type { StoredDeadLetter } from '../../../../core/dead-letters/reader.ts';
import { deadLetterDetails } from '../../../../operations/dead-letters/text.ts';
import { shownKey } from '../../../../core/terminal/terminal.ts';
import { noSourceDifferences } from '../../../../operations/reconcile/source/source-diff.ts';

const long = `cus_\u001b[2J${'x'.repeat(100_000)}`;
const nothing = { deadLetters: false };
const comparison = {
  ...{ stream: 'plans', keys: 1, behind: 0, deadLetters: 0, isByKey: true, views: [], faults: [], notes: [] },
  counts: { ...noDifferences(), missing: 1 },
};
const deadLetter = {
  ...{
    id: 'ab'.repeat(32),
    key: `plans|${long}`,
    stream: 'plans',
    step: 'produce',
    code: 'ETL_DECODE',
    reason: '',
  },
  ...{ recordKey: long, rejectedAtMs: 0, state: 'waiting', redrivenMs: undefined, attempts: 0, bytes: 2 },
  ...{ headers: { stream: Buffer.from('plans'), key: Buffer.from(long) }, value: undefined },
  ...{ isTruncated: false, originalBytes: 2 },
} as StoredDeadLetter;

test('shownKey returns a short key unchanged', () => {
  assert.equal(shownKey('2024-01-31|month'), '2024-01-31|month');
  assert.equal(shownKey('k'.repeat(200)), 'k'.repeat(200));
});

const texts: Readonly<Record<string, string>> = {
  'a reconcile report': reconcileSummary(
    [{ ...comparison, examples: [{ key: long, kind: 'missing' }] }],
    nothing,
  ),
  'a report of reconcile --source': sourceSummary(
    [
      {
        stream: 'plans',
        records: 1,
        keys: 1,
        counts: noSourceDifferences(),
        unasked: 0,
        examples: [{ key: long, kind: 'missing' }],
      },
    ],
    nothing,
  ),
  'a dead letter': deadLetterDetails(deadLetter, Infinity),
};
for (const [name, text] of Object.entries(texts)) {
  test(`${name} shows the start and length of a long key without control characters`, () => {
    assert.ok(text.length < 2_000, String(text.length));
    assert.match(
      text,
      name === 'a dead letter'
        ? /6375735f[0-9a-f]+… \(200,016 characters\)/
        : /cus_�\[2Jx+… \(100,008 characters\)/,
    );
    assert.doesNotMatch(text, /\u001b/);
  });
}
