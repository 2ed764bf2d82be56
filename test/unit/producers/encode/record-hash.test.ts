import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { RecordError } from '../../../../core/errors.ts';
import { isJsonObject, parseJson, type JsonValue } from '../../../../core/json.ts';
import { recordHash } from '../../../../producers/encode/record-hash.ts';

const hex = (value: JsonValue): string => recordHash(value).toString('hex');

/** Reference implementation: returns equal strings if and only if the values are equal. */
function naiveText(value: JsonValue): string {
  if (typeof value === 'number') return naiveText(Number.isInteger(value) ? BigInt(value) : String(value));
  if (typeof value === 'bigint') return `i${value}`;
  if (Array.isArray(value)) return `[${value.map(naiveText).join()}]`;
  if (!isJsonObject(value)) return JSON.stringify(value);
  const entries = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${naiveText(value[key] ?? null)}`);
  return `{${entries.join()}}`;
}

/** Values from a small range, so that two of them are often equal or nearly equal. */
const { value: smallValues } = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<JsonValue>(null, true, false, 0, '0', '', 1, 1n, 0n, -1, 'null', 2 ** 53, 2n ** 53n),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'A', '1', '__proto__'), tie('value'), { maxKeys: 3 }),
  ),
}));

test('two values have the same hash if and only if they are equal', () => {
  fc.assert(
    fc.property(smallValues, smallValues, (left, right) => {
      assert.equal(hex(left) === hex(right), naiveText(left) === naiveText(right));
    }),
    { numRuns: 2_000 },
  );
});

/** Returns the value with the keys of every object reversed, except integer-like keys. */
function withReversedKeys(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(withReversedKeys);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, held]) => [key, withReversedKeys(held)]),
  );
}

test('the order of keys does not change the hash at any depth', () => {
  fc.assert(fc.property(smallValues, (value) => assert.equal(hex(withReversedKeys(value)), hex(value))));
  const value = parseJson('{"list":[{"a":{"x":1,"y":[]},"b":null}],"name":"n"}');
  assert.notDeepEqual(JSON.stringify(withReversedKeys(value)), JSON.stringify(value));
  assert.equal(hex(withReversedKeys(value)), hex(value));
});

test('a hash has 8 bytes and does not depend on earlier hashes', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (value, other) => {
      const before = hex(value as JsonValue);
      recordHash(other as JsonValue);
      assert.equal(hex(value as JsonValue), before);
      assert.match(before, /^[0-9a-f]{16}$/);
    }),
  );
});

const different: readonly JsonValue[] = [
  ...[null, true, false, '', 'null', 'true', {}, [], [null], [[]], [{}], [0], [1], [0, 1], [1, 0], ['']],
  ...[
    { a: null },
    { a: '' },
    { a: 0 },
    { a: '0' },
    { a: [] },
    { a: {} },
    { a: false },
    { b: null },
    { '': 0 },
  ],
  ...[{ a: 1, b: 2 }, { a: 2, b: 1 }, { a: 1, c: 2 }, { 'a,b': 1 }, { 'a","b': 1 }, { a: { b: 1 } }],
  ...[0, '0', 1, -1, 0.1, '0.1', 1.5, 5e-324],
  ...['99999999999999.99', '99999999999999.98', '99999999999999.991', '-99999999999999.99'].map(parseJson),
  ...['12345678901234567.25', '12345678901234567.26', '1234567890123456.725', '1e400', '-1e400', '1e401'].map(
    parseJson,
  ),
  ...['1e-400', '1e-401', '4.9e-324', '"1e400"', '"99999999999999.99"', '[2,"9999999999999999e13"]'].map(
    parseJson,
  ),
  ...['0.1000000000000000055511151231257827', '0.1000000000000000055511151231257828'].map(parseJson),
  ...[2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 53n + 2n, -(2n ** 53n), 2n ** 64n, 2n ** 64n + 1n],
  ...['9007199254740992', [1, '9007199254740992'], [1, 9007199254740992n], [[1, '9007199254740992']]],
  ...['\ud800', '\udfff', '\ufffd', 'é', 'e\u0301', 'a\u0000b', 'a\nb', 'a\\nb'],
  parseJson('{"__proto__":null}'),
  parseJson('{"__proto__":{"a":1}}'),
];

test('unequal values have different hashes: null, absent, blank, zero, empty, beyond 2^53', () => {
  const seen = new Map<string, number>();
  for (const [index, value] of different.entries()) {
    assert.equal(seen.get(hex(value)), undefined, `value ${index} has the hash of an earlier value`);
    seen.set(hex(value), index);
  }
});

const equal: readonly (readonly [JsonValue, JsonValue])[] = [
  [5, 5n],
  [-0, 0],
  [2 ** 53 - 1, 2n ** 53n - 1n],
  [2 ** 53, 2n ** 53n],
  [-(2 ** 60), -(2n ** 60n)],
  [2 ** 70, 2n ** 70n],
  [1e300, BigInt(1e300)],
  [1, parseJson('1.000000000000000000')],
  [100, parseJson('1E+2')],
  [0, parseJson('0e999')],
];
for (const [number, integer] of equal) {
  test(`${String(number)} has the same hash in both of its representations`, () => {
    assert.equal(hex({ a: [number] }), hex({ a: [integer] }));
  });
}

/** If these hashes changed, every record of every topic would be sent again. */
const golden: readonly (readonly [string, string])[] = [
  ['null', '74234e98afe7498f'],
  ['true', 'b5bea41b6c623f7c'],
  ['0', '5feceb66ffc86f38'],
  ['""', '12ae32cb1ec02d01'],
  ['[]', 'd0bca111f8628137'],
  ['{}', '6267d10307d67aa3'],
  ['-1.5e-7', '5d1523c3c7ec2cb0'],
  ['12345678901234567890', '618a8fd576d68d11'],
  ['[0.1,1.10,1E+2,-0,0.8532423208191126,1e23,1e-320,9007199254740993]', '928c8f8cdceba516'],
  ['[123456789012345678901234567890,1e17,-9223372036854775809,9007199254740992.0]', '68ee5f6397040177'],
  ['{"b":[1,null,{"z":"é","y":{}}],"a":9007199254740993}', '26835f50179ca76a'],
  [
    '{"uuid":"cus_1","external_id":null,"mrr":3000,"attributes":{"tags":["vip"],"custom":{}}}',
    'b4c255f4b02f9ef0',
  ],
];
for (const [text, hash] of golden) {
  test(`the hash of ${text} never changes`, () => assert.equal(hex(parseJson(text)), hash));
}

test('a number has the same hash in every spelling', () => {
  const same = [
    ['99999999999999.99', '9999999999999999e-2', '99999999999999.990'],
    ['1e400', '10E+399'],
    ['9007199254740993', '9007199254740993.0', '9007199254740993e0'],
  ];
  for (const texts of same)
    assert.equal(new Set(texts.map((text) => hex(parseJson(text)))).size, 1, texts[0]);
});

test('objects whose first keys are equal have different hashes', () => {
  // The long object replaces the short one in the cache of key orders.
  const long = { a: 1, b: 2, c: 3, d: 4, e: 5, f: 6, g: 7, h: 8, 'nine long': 9 };
  assert.notEqual(hex({ a: 1 }), hex(long));
  assert.notEqual(hex(long), hex({ ...long, 'nine long': 10 }));
});

test('keys are sorted by code unit, not by locale or code point', () => {
  const keys = ['a', 'Z', 'é', '\u{1f600}', '\uffff', 'aa', 'B'];
  const entries = keys.map((key, index) => [key, index] as const);
  assert.equal(hex(Object.fromEntries(entries)), '57243f215bcb5c49');
});

test('recordHash throws a RecordError for a value nested deeper than the stack allows', () => {
  const list = parseJson('['.repeat(50_000) + ']'.repeat(50_000));
  const object = parseJson('{"a":'.repeat(50_000) + '1' + '}'.repeat(50_000));
  for (const value of [list, object]) assert.throws(() => recordHash(value), RecordError);
});
