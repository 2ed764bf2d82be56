import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { wellFormed } from '../../../core/well-formed.ts';

const cases: readonly (readonly [string, string])[] = [
  ['', ''],
  ['plain é \u{1f600} \ufffd', 'plain é \u{1f600} \ufffd'],
  ['\ud800', '\ufffdd800'],
  ['a\udfffb', 'a\ufffddfffb'],
  ['\udc00\ud800', '\ufffddc00\ufffdd800'],
  ['\ufffdd800', '\ufffdfffdd800'],
  ['\ufffdfffd', '\ufffdfffdfffd'],
  ['\ufffdface', '\ufffdface'],
];
for (const [text, written] of cases) {
  test(`wellFormed writes ${JSON.stringify(text)} as ${written}`, () => {
    assert.equal(wellFormed(text), written);
    assert.equal(Buffer.from(wellFormed(text)).toString('utf8'), written);
  });
}

test('wellFormed keeps different texts different, even in UTF-8', () => {
  const piece = fc.constantFrom(
    '\ud800',
    '\udc00',
    '\udbff',
    '\ufffd',
    'd800',
    'dc00',
    'fffd',
    'd',
    '8',
    'a',
  );
  const text = fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join(''));
  fc.assert(
    fc.property(text, text, (one, other) => {
      const [left, right] = [one, other].map((of) => Buffer.from(wellFormed(of)).toString('hex'));
      assert.equal(left === right, one === other);
    }),
    { numRuns: 5_000 },
  );
});
