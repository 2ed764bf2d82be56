import assert from 'node:assert/strict';
import test from 'node:test';
import {
  isSourceEqual,
  sourceJson,
  sourceSummary,
} from '../../../../../operations/reconcile/source/reconcile-source.ts';
import {
  noSourceDifferences,
  type SourceDifferenceKind,
} from '../../../../../operations/reconcile/source/source-diff.ts';
import type { SourceComparison } from '../../../../../operations/reconcile/source/compare-source.ts';

const nothing = { deadLetters: false };
const deadLetters = { deadLetters: true };

const equal: SourceComparison = {
  stream: 'plans',
  records: 12_345,
  keys: 12_345,
  counts: noSourceDifferences(),
  unasked: 0,
  examples: [],
};
const counted = (counts: Partial<Record<SourceDifferenceKind, number>>) => ({
  ...equal,
  counts: { ...noSourceDifferences(), ...counts },
});

test('sourceSummary shows an equal stream on one line', () => {
  assert.equal(
    sourceSummary([equal], nothing),
    'source  records    keys  missing  changed  stray  dead\n' +
      'plans    12,345  12,345        0        0      0     0  equal',
  );
});

test('sourceSummary shows each kind of difference; allowed dead letters do not count as one', () => {
  for (const kind of Object.keys(noSourceDifferences()) as SourceDifferenceKind[]) {
    const differing = { ...counted({ [kind]: 7 }), examples: [{ key: 'pl_1', kind }] };
    assert.equal(isSourceEqual(differing, nothing), false, kind);
    assert.equal(isSourceEqual(differing, deadLetters), kind === 'dead', kind);
    for (const allowed of [nothing, deadLetters]) {
      const text = sourceSummary([equal, differing], allowed);
      assert.match(text, allowed.deadLetters && kind === 'dead' ? /7 +(0 +)?equal$/m : /DIFFERS$/m);
      assert.match(text, new RegExp(`^plans: 7 ${kind}: `, 'm'));
      assert.match(text, new RegExp(`^  ${kind} +pl_1$`, 'm'));
      const json = sourceJson(differing, allowed);
      assert.equal(json['equal'], allowed.deadLetters && kind === 'dead');
      assert.equal(json[kind === 'dead' ? 'dead_letters' : kind], 7);
    }
  }
});

test('a stream that could not be read is never equal', () => {
  const failed = { ...equal, failure: new Error('no answer') };
  assert.equal(isSourceEqual(failed, deadLetters), false);
  assert.match(sourceSummary([failed], deadLetters), /FAILED$/m);
  assert.deepEqual(
    { equal: sourceJson(failed, deadLetters)['equal'], failure: sourceJson(failed, deadLetters)['failure'] },
    { equal: false, failure: 'no answer' },
  );
});

test('keys left out of the comparison are counted and are not differences', () => {
  const text = sourceSummary([{ ...equal, unasked: 2 }], nothing);
  assert.match(
    text,
    /equal\n\nplans: 2 keys not compared: outside METRICS_START_DATE and METRICS_INTERVALS$/,
  );
  assert.equal(sourceJson({ ...equal, unasked: 2 }, nothing)['not_compared'], 2);
});
