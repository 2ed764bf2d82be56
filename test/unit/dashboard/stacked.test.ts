import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stacked } from '../../../dashboard/pages/shared/chart/stacked.ts';

test('stacked adds values upwards and downwards, and omits bars without height', () => {
  assert.deepEqual(
    stacked([
      [5, 1, -2, null],
      [-1, 2, -3, 4],
      [2, 0, 7, 1],
    ]),
    [
      [5, 1, -2, null],
      [-1, 3, -5, 4],
      [7, null, 7, 5],
    ],
  );
});
