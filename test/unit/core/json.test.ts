import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { compareNumber } from 'lossless-json';
import { RecordError } from '../../../core/errors.ts';
import { jsonText, LosslessNumber, parseJson } from '../../../core/json.ts';

const int64 = fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n });

test('parseJson and JSON.parse agree on JSON without long numbers', () => {
  const small = fc.json().filter((text) => !/\d{16,}(?![.\d]*e|\d*\.)/i.test(text));
  fc.assert(fc.property(small, (text) => assert.deepEqual(parseJson(text), JSON.parse(text))));
});

const digits = (min: number, max: number) =>
  fc.array(fc.integer({ min: 0, max: 9 }), { minLength: min, maxLength: max }).map((list) => list.join(''));
/** Numbers in every valid spelling. */
const numberText = fc
  .record({
    sign: fc.constantFrom('', '-'),
    integer: fc.oneof(
      fc.constant('0'),
      digits(0, 24).map((rest) => `7${rest}`),
    ),
    fraction: fc.oneof(
      fc.constant(''),
      digits(1, 24).map((rest) => `.${rest}`),
    ),
    exponent: fc.oneof(
      fc.constant(''),
      fc.integer({ min: -420, max: 420 }).map((power) => `e${power}`),
      fc.constantFrom('E+2', 'e0', 'E-07'),
    ),
  })
  .map(({ sign, integer, fraction, exponent }) => sign + integer + fraction + exponent);

test('parseJson does not round numbers at any position', () => {
  fc.assert(
    fc.property(numberText, numberText, fc.json(), (first, second, other) => {
      const value = parseJson(`{"${first}":[${first},"${second}",{"a":${second}}],"b":${other}}`) as {
        [key: string]: [unknown, string, { a: unknown }];
      };
      const [one, text, { a: two }] = value[first] ?? assert.fail();
      assert.equal(text, second);
      for (const [read, wanted] of [
        [one, first],
        [two, second],
      ] as const)
        assert.equal(compareNumber(String(read), wanted), 0);
      // Compared as text, because jsonText writes -0 as 0.
      assert.equal(jsonText(parseJson(jsonText(value as never))), jsonText(value as never));
    }),
    { numRuns: 1_000 },
  );
});

test('parseJson keeps every digit of an integer next to any other value', () => {
  fc.assert(
    fc.property(int64, fc.json(), (integer, other) => {
      const text = `{"integer":${integer},"other":[${JSON.stringify(JSON.parse(other))}]}`;
      assert.equal(jsonText(parseJson(text)), text.replace('{"integer":-0,', '{"integer":0,'));
    }),
  );
});

const texts: readonly (readonly [string, unknown])[] = [
  ['9007199254740991', 9007199254740991],
  ['9007199254740992', 9007199254740992n],
  ['-9007199254740993', -9007199254740993n],
  ['{"a":{"x":1},"a":2,"n":12345678901234567890}', { a: 2, n: 12345678901234567890n }],
  ['{"a":1,"a":2}', { a: 2 }],
  ['99999999999999.99', new LosslessNumber('99999999999999.99')],
  ['-12345678901234567.25', new LosslessNumber('-12345678901234567.25')],
  ['[0.1000000000000000055511151231257827]', [new LosslessNumber('0.1000000000000000055511151231257827')]],
  // A number within a string stays text, whatever the quotes and backslashes around it.
  [
    String.raw`{"a":"x: 9007199254740993, \"","b\\":9007199254740993,"c":"\\\",1e400"}`,
    { a: 'x: 9007199254740993, "', 'b\\': 9007199254740993n, c: '\\",1e400' },
  ],
  [
    '{"id":"1e400-1234567890123456789","n":[ 1e400]}',
    { id: '1e400-1234567890123456789', n: [new LosslessNumber('1e400')] },
  ],
  ['{"a":1e400,"b":"1e400"}', { a: new LosslessNumber('1e400'), b: '1e400' }],
  ['[-1E+400,1e-400,4.9e-324]', ['-1E+400', '1e-400', '4.9e-324'].map((text) => new LosslessNumber(text))],
  ['[5e-324,1e-320,1.7976931348623157e308,0e999]', [5e-324, 1e-320, 1.7976931348623157e308, 0]],
  ['[1.0,1.10,1E+2,-0,0.8532423208191126]', [1, 1.1, 100, -0, 0.8532423208191126]],
  ['12345678901234567.0', 12345678901234567n],
  ['-9007199254740993e0', -9007199254740993n],
  [
    '{"a":"12345678901234567.25 \\"7.12345678901234567\\\\","n":12345678901234567.25}',
    { a: '12345678901234567.25 "7.12345678901234567\\', n: new LosslessNumber('12345678901234567.25') },
  ],
  ['[1.5e3,0.1,1E2]', [1500, 0.1, 100]],
  ['{"toString":1,"n":1234567890123456789}', { toString: 1, n: 1234567890123456789n }],
];
for (const [text, value] of texts) {
  test(`parseJson reads ${text} exactly`, () => assert.deepEqual(parseJson(text), value));
}

for (const text of [
  '',
  '{',
  '{"a":1234567890123456789',
  '[1,]',
  'NaN',
  "{'a':1}",
  '01234567890123456789',
  '[12345678901234567890 1]',
  '"a"12345678901234567890',
  '1.2.34567890123456789',
  '12345678901234567e',
  '-',
  '"12345678901234567890',
  '"\\',
]) {
  test(`parseJson rejects ${JSON.stringify(text)} as a syntax error`, () =>
    assert.throws(() => parseJson(text), SyntaxError));
}

test('parseJson treats __proto__ like any other key', () => {
  for (const number of ['1', '12345678901234567890']) {
    const text = `{"__proto__":{"a":${number}},"n":${number}}`;
    assert.equal(jsonText(parseJson(text)), text);
  }
});

test('parseJson keeps a number that no double represents exactly, even 50,000 levels deep', () => {
  const depth = 50_000;
  let value = parseJson(`${'['.repeat(depth)}12345678901234567.25${']'.repeat(depth)}`);
  while (Array.isArray(value)) value = value[0] ?? null;
  assert.deepEqual(value, new LosslessNumber('12345678901234567.25'));
});

test('jsonText throws a RecordError for a value whose nesting overflows the stack', () => {
  assert.throws(() => jsonText(parseJson('['.repeat(50_000) + ']'.repeat(50_000))), RecordError);
});

// Such strings occur in topic names and record uuids.
for (const string of [
  'test_03e7967',
  '00000e1234',
  '1.2.3e400',
  '0123456789012345678',
  '03e7967-12345678901234567.25',
])
  test(`the string ${string} stays a string, with and without an exact number next to it`, () => {
    for (const number of ['1', '12345678901234567.25', '12345678901234567890']) {
      const text = `{"name":"${string}","n":${number}}`;
      assert.equal(jsonText(parseJson(text)), text);
    }
  });
