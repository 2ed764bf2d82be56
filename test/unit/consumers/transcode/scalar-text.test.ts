import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {
  dateText,
  decimalText,
  doubleText,
  floatText,
  timestampText,
  uuidText,
} from '../../../../consumers/transcode/scalar-text.ts';

const texts: readonly (readonly [name: string, text: string, expected: string])[] = [
  ['doubleText', doubleText(0.1), '0.1'],
  ['doubleText', doubleText(-0), '-0'],
  ['doubleText', doubleText(1e21), '1e21'],
  ['doubleText', doubleText(1e-7), '1e-7'],
  ['doubleText', doubleText(NaN), 'nan'],
  ['doubleText', doubleText(-Infinity), '-inf'],
  ['floatText', floatText(Math.fround(0.1)), '0.1'],
  ['floatText', floatText(-0), '-0'],
  ['floatText', floatText(2 ** -149), '1e-45'],
  ['floatText', floatText(16_777_216), '16777216'],
  ['floatText', floatText(1_061_614.25), '1061614.2'],
  ['floatText', floatText(-1_061_614.75), '-1061614.8'],
  ['floatText', floatText(Infinity), 'inf'],
  ['floatText', floatText(NaN), 'nan'],
  ['dateText', dateText(0), '1970-01-01'],
  ['dateText', dateText(-1), '1969-12-31'],
  ['dateText', dateText(19_753), '2024-01-31'],
  ['dateText', dateText(-719_528), '0000-01-01'],
  ['dateText', dateText(-719_529), '-0001-12-31'],
  ['dateText', dateText(2 ** 31 - 1), '5881580-07-11'],
  ['timestampText', timestampText(0n, 3), '1970-01-01 00:00:00.000'],
  ['timestampText', timestampText(-1n, 3), '1969-12-31 23:59:59.999'],
  ['timestampText', timestampText(-1n, 9), '1969-12-31 23:59:59.999999999'],
  ['timestampText', timestampText(2n ** 63n - 1n, 6), '294247-01-10 04:00:54.775807'],
  ['decimalText', decimalText(0n, 0), '0'],
  ['decimalText', decimalText(5n, 2), '0.05'],
  ['decimalText', decimalText(-5n, 2), '-0.05'],
  ['decimalText', decimalText(-12345n, 2), '-123.45'],
  ['decimalText', decimalText(100n, 0), '100'],
  [
    'uuidText',
    uuidText(Buffer.from('00112233445566778899aabbccddeeff', 'hex'), 0),
    '00112233-4455-6677-8899-aabbccddeeff',
  ],
];
for (const [name, text, expected] of texts) {
  test(`${name} returns ${expected}`, () => assert.equal(text, expected));
}

test('every float is read back from its text', () => {
  fc.assert(
    fc.property(fc.float({ noNaN: true }), (float) => {
      const read = Number(floatText(float).replace('inf', 'Infinity'));
      assert.ok(Object.is(Math.fround(read), float));
    }),
  );
});

test('dateText formats every day of the years 0 to 9999 as Date does', () => {
  fc.assert(
    fc.property(fc.integer({ min: -719_528, max: 2_932_896 }), (days) => {
      assert.equal(dateText(days), new Date(days * 86_400_000).toISOString().slice(0, 10));
    }),
  );
});
