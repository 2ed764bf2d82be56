import assert from 'node:assert/strict';
import test from 'node:test';
import { plain } from '../../../../dashboard/server/plain.ts';

test('plain converts bigints to numbers at every depth', () => {
  const value = { offset: 7n, list: [{ end: 2n }], none: null, text: '8', absent: undefined };
  assert.deepEqual(plain(value), { offset: 7, list: [{ end: 2 }], none: null, text: '8', absent: undefined });
});
