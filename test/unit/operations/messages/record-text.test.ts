import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DecodeError } from '../../../../core/errors.ts';
import { jsonIn, recordText } from '../../../../operations/messages/record-text.ts';

const numbers = (count: number) => `[${'0,'.repeat(count - 1)}0]`;

test('recordText shows one value per line, with every digit', () => {
  assert.deepEqual(recordText('{"a":9007199254740993}'), {
    text: '{\n  "a": 9007199254740993\n}',
    isCut: false,
  });
});

test('recordText shows the start of a long record, and does not parse a very long one', () => {
  const long = recordText(numbers(200_000));
  assert.deepEqual([long.text.length, long.isCut], [262_144, true]);
  assert.match(long.text, /^\[\n {2}0,\n/);
  const huge = recordText(numbers(1_000_000));
  assert.deepEqual([huge.text.length, huge.isCut], [262_144, true]);
  assert.match(huge.text, /^\[0,0,/);
});

test('jsonIn rejects text that is not JSON and text that is too long', () => {
  assert.equal(jsonIn(Buffer.from('{"a":1}')), '{"a":1}');
  assert.equal(jsonIn(Buffer.from(numbers(1_000_000))).length, 2_000_001);
  for (const text of ['{', `${numbers(1_000_000)}]`])
    assert.throws(() => jsonIn(Buffer.from(text)), SyntaxError);
  assert.throws(() => jsonIn(Buffer.from('['.repeat(100_000))), /nested thousands of levels deep/);
  assert.throws(() => jsonIn(Buffer.from(numbers(3_000_000))), DecodeError);
});
