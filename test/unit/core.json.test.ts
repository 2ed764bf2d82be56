import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { RecordError } from '../../core/errors.ts';
import { jsonText, parseJson } from '../../core/json.ts';

const int64 = fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n });

test('every JSON text without big integers is read as the engine reads it', () => {
  const small = fc.json().filter((text) => !/\d{16}/.test(text));
  fc.assert(fc.property(small, (text) => assert.deepEqual(parseJson(text), JSON.parse(text))));
});

test('every integer keeps its digits, beside any other value', () => {
  fc.assert(
    fc.property(int64, fc.json(), (integer, other) => {
      const text = `{"integer":${integer},"other":[${JSON.stringify(JSON.parse(other))}]}`;
      assert.equal(jsonText(parseJson(text)), text.replaceAll('-0,', '0,'));
    }),
  );
});

const texts: readonly (readonly [string, unknown])[] = [
  ['9007199254740991', 9007199254740991],
  ['9007199254740992', 9007199254740992n],
  ['-9007199254740993', -9007199254740993n],
  ['{"a":{"x":1},"a":2,"n":12345678901234567890}', { a: 2, n: 12345678901234567890n }],
  ['{"a":1,"a":2}', { a: 2 }],
  ['[1.5e3,0.1,1E2]', [1500, 0.1, 100]],
  ['{"toString":1,"n":1234567890123456789}', { toString: 1, n: 1234567890123456789n }],
];
for (const [text, value] of texts) {
  test(`${text} is read exactly`, () => assert.deepEqual(parseJson(text), value));
}

for (const text of ['', '{', '{"a":1234567890123456789', '[1,]', 'NaN', "{'a':1}"]) {
  test(`${JSON.stringify(text)} is a syntax error`, () => assert.throws(() => parseJson(text), SyntaxError));
}

test('a key __proto__ is a key like any other', () => {
  for (const number of ['1', '12345678901234567890']) {
    const text = `{"__proto__":{"a":${number}},"n":${number}}`;
    assert.equal(jsonText(parseJson(text)), text);
  }
});

test('nesting beyond the stack is an error of the record', () => {
  assert.throws(() => jsonText(parseJson('['.repeat(50_000) + ']'.repeat(50_000))), RecordError);
});
