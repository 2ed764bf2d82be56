import assert from 'node:assert/strict';
import test from 'node:test';
import {
  ageText,
  bytesText,
  durationText,
  numberText,
  rateText,
  shortNumber,
  shortTimeText,
  timeText,
} from '../../../../dashboard/pages/shared/format.ts';

const cases: readonly (readonly [format: (value: number) => string, value: number, text: string])[] = [
  [numberText, 1234567, '1,234,567'],
  [shortNumber, 9_999, '9,999'],
  [shortNumber, 12_345, '12.3K'],
  [shortNumber, 4_200_000, '4.2M'],
  [rateText, 0, '0'],
  [rateText, 0.04, '0.0'],
  [rateText, 9.96, '10.0'],
  [rateText, 1234.5, '1,235'],
  [ageText, -5, '0s'],
  [ageText, 59_999, '59s'],
  [ageText, 60_000, '1m'],
  [ageText, 86_400_000 * 40, '40d'],
  [durationText, 3.14, '3.1 s'],
  [durationText, 59.7, '60 s'],
  [durationText, 245, '4m 05s'],
  [durationText, 7_500, '2h 05m'],
  [bytesText, 999, '999 B'],
  [bytesText, 1_440, '1.4 kB'],
  [bytesText, 999_900, '1.0 MB'],
  [timeText, NaN, 'unknown time'],
];
for (const [format, value, text] of cases) {
  test(`${format.name} formats ${value} as ${text}`, () => assert.equal(format(value), text));
}

test('shortTimeText includes the year only if it is not the current year', () => {
  const ms = new Date(2026, 2, 1, 4, 5, 59).getTime();
  assert.equal(shortTimeText(ms, ms), 'Mar 1 04:05');
  assert.equal(shortTimeText(ms, new Date(2027, 1, 1).getTime()), 'Mar 1 2026 04:05');
  assert.equal(shortTimeText(NaN, ms), 'unknown time');
});
