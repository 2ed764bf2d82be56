import assert from 'node:assert/strict';
import test from 'node:test';
import { MassDeleteError } from '../../../../core/errors.ts';
import { refuseMassDelete } from '../../../../producers/state/vanished.ts';

const cases: readonly (readonly [vanished: number, live: number, percent: number, isRefused: boolean])[] = [
  [0, 0, 10, false],
  [0, 0, 0, false],
  [0, 100, 0, false],
  [1, 100, 0, true],
  [9, 100, 10, false],
  [10, 100, 10, false],
  [11, 100, 10, true],
  [1, 10, 10, false],
  [1, 9, 10, false],
  [1, 1, 10, false],
  [1, 1, 0, true],
  [2, 20, 10, false],
  [2, 19, 10, true],
  [2, 2, 10, true],
  [1, 1, 100, false],
  [100, 100, 99.9, true],
  [29, 1_000, 2.9, false],
  [30, 1_000, 2.9, true],
  [1_000_000, 10_000_000, 10, false],
  [1_000_001, 10_000_000, 10, true],
];
for (const [vanished, live, massDeletePercent, isRefused] of cases) {
  const settings = (isMassDeleteAllowed: boolean) => ({ massDeletePercent, isMassDeleteAllowed });

  test(`refuseMassDelete ${isRefused ? 'rejects' : 'accepts'} ${vanished} of ${live} records at ${massDeletePercent}%`, () => {
    const refuse = () => refuseMassDelete('plans', vanished, live, settings(false));
    if (isRefused) assert.throws(refuse, MassDeleteError);
    else assert.doesNotThrow(refuse);
  });

  test(`refuseMassDelete accepts ${vanished} of ${live} records at ${massDeletePercent}% with --allow-mass-delete`, () => {
    assert.doesNotThrow(() => refuseMassDelete('plans', vanished, live, settings(true)));
  });
}

test('the error names the stream, both numbers, the setting and the command to proceed', () => {
  assert.throws(
    () => refuseMassDelete('plans', 6, 50, { massDeletePercent: 10, isMassDeleteAllowed: false }),
    /^MassDeleteError: plans: 6 of 50 .* MASS_DELETE_PERCENT \(10\).*--streams plans --allow-mass-delete/,
  );
});
