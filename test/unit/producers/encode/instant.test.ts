import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { parseDate, parseInstant } from '../../../../producers/encode/instant.ts';

const instants: readonly (readonly [string, string])[] = [
  ['2024-03-13T04:14:41.711Z', '2024-03-13T04:14:41.711Z'],
  ['2016-01-25T00:00:00+00:00', '2016-01-25T00:00:00.000Z'],
  ['2016-01-25T00:00:00-04:00', '2016-01-25T04:00:00.000Z'],
  ['2016-01-25T00:00:00+0530', '2016-01-24T18:30:00.000Z'],
  ['2016-01-25T00:00:00+14:00', '2016-01-24T10:00:00.000Z'],
  ['2023-10-27T08:15:37Z', '2023-10-27T08:15:37.000Z'],
  ['2015-09-08 00:00:00', '2015-09-08T00:00:00.000Z'],
  ['2020-01-01 00:00:00 +0000', '2020-01-01T00:00:00.000Z'],
  ['2020-01-01 00:00:00 UTC', '2020-01-01T00:00:00.000Z'],
  ['2024-01-01T00:00:00.5Z', '2024-01-01T00:00:00.500Z'],
  ['2024-01-01T00:00:00.123999Z', '2024-01-01T00:00:00.123Z'],
  ['2024-02-29T23:59:59Z', '2024-02-29T23:59:59.000Z'],
  ['2000-02-29T00:00:00Z', '2000-02-29T00:00:00.000Z'],
  ['2024-03-30', '2024-03-30T00:00:00.000Z'],
  ['1900-01-01T00:00:00Z', '1900-01-01T00:00:00.000Z'],
  ['2299-12-31T23:59:59.999Z', '2299-12-31T23:59:59.999Z'],
  ['2300-01-01T00:00:00+01:00', '2299-12-31T23:00:00.000Z'],
];
for (const [text, expected] of instants) {
  test(`parseInstant reads ${text} as ${expected}`, () => {
    assert.equal(new Date(parseInstant(text) ?? NaN).toISOString(), expected);
  });
}

const noInstants = [
  ...['', ' ', 'soon', 'null', '0', '1700000000', '2024', '2024-01', '20240101', '2024-1-1', '01/02/2024'],
  ...[
    '2023-02-29T00:00:00Z',
    '1900-02-29',
    '2024-02-30',
    '2024-04-31',
    '2024-13-01',
    '2024-00-01',
    '2024-01-00',
  ],
  ...['2024-01-01T24:00:00Z', '2024-01-01T00:60:00Z', '2024-12-31T23:59:60Z', '2024-01-01T00:00:00+5'],
  ...['2024-01-01T'],
  ...[
    '0001-01-01T00:00:00Z',
    '0000-00-00 00:00:00',
    '0050-06-01',
    '1899-12-31T23:59:59.999Z',
    '9999-12-31T00:00:00Z',
  ],
  ...['2300-01-01T00:00:00Z', '+002024-01-01T00:00:00Z', '-2024-01-01', '٢٠٢٤-٠١-٠١'],
  ...['2024-01-01T00:00:00Z ', ' 2024-01-01', '2024-01-01T00:00:00Z\n', '2024-01-01\n', 'x2024-01-01x'],
];
for (const text of noInstants) {
  test(`${JSON.stringify(text)} is neither an instant nor a date`, () => {
    assert.deepEqual(
      { instant: parseInstant(text), date: parseDate(text) },
      { instant: undefined, date: undefined },
    );
  });
}

for (const text of ['2024-01-01T00:00:00+99:99', '2024-01-01T00:00:00+00:60', '1900-01-01T00:00:00+01:00']) {
  test(`${text} is not an instant`, () => assert.equal(parseInstant(text), undefined));
}

const days: readonly (readonly [string, string | undefined])[] = [
  ['2024-02-29', '2024-02-29'],
  ['1900-01-01', '1900-01-01'],
  ['2299-12-31', '2299-12-31'],
  ['2024-03-30T00:00:00.000Z', '2024-03-30'],
  ['2024-03-30T00:00:00-05:00', '2024-03-30'],
  ['2024-03-30T00:00:01Z', undefined],
  ['2024-03-30T12:00:00.000Z', undefined],
];
for (const [text, expected] of days) {
  test(`the date of ${text} is ${expected ?? 'undefined'}`, () => {
    const day = parseDate(text);
    assert.equal(day && new Date(day * 86_400_000).toISOString().slice(0, 10), expected);
  });
}

test('every instant is read back from any time zone', () => {
  const dates = fc.date({ min: new Date('1901-01-01'), max: new Date('2299-01-01'), noInvalidDate: true });
  fc.assert(
    fc.property(dates, fc.integer({ min: -14 * 60, max: 14 * 60 }), (date, minutes) => {
      const local = new Date(date.getTime() + minutes * 60_000).toISOString().slice(0, -1);
      const [hour, minute] = [Math.trunc(Math.abs(minutes) / 60), Math.abs(minutes) % 60].map((part) =>
        String(part).padStart(2, '0'),
      );
      assert.equal(
        parseInstant(`${local}${minutes < 0 ? '-' : '+'}${hour ?? ''}:${minute ?? ''}`),
        date.getTime(),
      );
    }),
  );
});

test('parseInstant returns undefined or an instant close to the year in the text', () => {
  const rubbish = fc.stringMatching(
    /^\d{3,5}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:?\d\d)?)?$/,
  );
  fc.assert(
    fc.property(rubbish, (text) => {
      const ms = parseInstant(text);
      assert.ok(ms === undefined || Math.abs(ms - Date.parse(text.slice(0, 4))) < 367 * 86_400_000, text);
    }),
    { numRuns: 1000 },
  );
});
