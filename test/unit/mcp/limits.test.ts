import assert from 'node:assert/strict';
import test from 'node:test';
import { fitting, isoTime, jsonLine, shortened } from '../../../mcp/limits.ts';

test('fitting omits items beyond its item and character limits, and sets isCut', () => {
  assert.deepEqual(fitting([1, 2, 3]), { items: [1, 2, 3], isCut: false });
  assert.deepEqual(fitting([1, 2, 3], 2), { items: [1, 2], isCut: true });
  assert.deepEqual(fitting(['aaaa', 'bbbb', 'c'], 9, 12), { items: ['aaaa', 'bbbb'], isCut: true });
  assert.deepEqual(fitting(['a'.repeat(100)], 9, 12), { items: [], isCut: true });
  assert.deepEqual(fitting([]), { items: [], isCut: false });
});

test('shortened cuts a long value, states its length and keeps it well-formed', () => {
  assert.equal(shortened('abc', 3), 'abc');
  assert.equal(shortened('abcd', 3), 'abc… (4 characters)');
  assert.equal(shortened('ab😀d', 3), 'ab\ufffd… (5 characters)');
});

test('jsonLine escapes invisible characters and keeps the value', () => {
  const hidden = ['a\nb', '\u202eevil', '\u{e0041}\u{e0042}', '\u200b', '\u001b[2J'];
  const line = jsonLine(hidden);
  assert.doesNotMatch(line, /[\p{Cc}\p{Cf}]/u);
  assert.deepEqual(JSON.parse(line), hidden);
});

test('isoTime returns null for a time outside the calendar', () => {
  assert.equal(isoTime(0), '1970-01-01T00:00:00.000Z');
  assert.equal(isoTime(8.7e15), null);
  assert.equal(isoTime(null), null);
});
