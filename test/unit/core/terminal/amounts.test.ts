import assert from 'node:assert/strict';
import test from 'node:test';
import { approximate, byteSize } from '../../../../core/terminal/amounts.ts';

for (const [value, text] of [
  [0, '0'],
  [0n, '0'],
  [1n, '~1'],
  [1_234, '~1,234'],
] as const)
  test(`approximate returns ${text} for ${typeof value} ${value}`, () =>
    assert.equal(approximate(value), text));

for (const [bytes, text] of [
  [0, '0 B'],
  [1_023, '1,023 B'],
  [1_024, '1 KiB'],
  [12_595, '12.3 KiB'],
  [1_048_576, '1 MiB'],
  [9e10, '85,830.7 MiB'],
] as const)
  test(`byteSize returns ${text} for ${bytes} bytes`, () => assert.equal(byteSize(bytes), text));
