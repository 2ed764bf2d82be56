import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { columnTypeOf } from '../../../../consumers/column/column-type-of.ts';
import type { ColumnType } from '../../../../consumers/column/column-type.ts';
import { parseColumnType } from '../../../../consumers/column/parse-column-type.ts';
import { widened } from '../../../../consumers/column/widened.ts';
import { IncompatibleSchemaError } from '../../../../core/errors.ts';
import { columnTypes } from '../../../fixtures/column-types.ts';
import { existingTypes, typeOf } from '../../../fixtures/tables.ts';

const widenings: readonly (readonly [have: string, want: string, result: string | undefined])[] = [
  ['Int32', 'Int64', 'Int64'],
  ['Int64', 'Int32', 'Int64'],
  ['Int8', 'Int32', 'Int32'],
  ['UInt32', 'Int32', 'Int64'],
  ['UInt64', 'Int64', undefined],
  ['UInt128', 'Int64', undefined],
  ['Float32', 'Float64', 'Float64'],
  ['Int64', 'Float64', undefined],
  ['Float64', 'Int64', undefined],
  ['Float64', 'Int32', undefined],
  ['Date', 'Date32', 'Date32'],
  ['Date', "DateTime64(3, 'UTC')", "DateTime64(3, 'UTC')"],
  ['Date32', "DateTime64(6, 'UTC')", "DateTime64(6, 'UTC')"],
  ['Date32', "DateTime64(9, 'UTC')", undefined],
  ["DateTime64(3, 'UTC')", "DateTime64(6, 'UTC')", "DateTime64(6, 'UTC')"],
  ["DateTime64(3, 'UTC')", "DateTime64(9, 'UTC')", undefined],
  ["DateTime64(9, 'UTC')", "DateTime64(3, 'UTC')", undefined],
  ["DateTime64(9, 'UTC')", "DateTime64(9, 'UTC')", "DateTime64(9, 'UTC')"],
  ["DateTime64(6, 'Asia/Tokyo')", "DateTime64(3, 'UTC')", "DateTime64(6, 'Asia/Tokyo')"],
  ["DateTime64(3, 'Asia/Tokyo')", "DateTime64(6, 'UTC')", "DateTime64(6, 'Asia/Tokyo')"],
  ["DateTime64(6, 'UTC')", 'Date32', "DateTime64(6, 'UTC')"],
  ['DateTime64(6)', 'Date32', undefined],
  ["DateTime64(6, 'Asia/Tokyo')", 'Date32', undefined],
  ["DateTime64(9, 'UTC')", 'Date32', undefined],
  ['Date32', 'Date32', 'Date32'],
  ['DateTime', "DateTime64(3, 'UTC')", 'DateTime64(3)'],
  ['DateTime', 'Date32', undefined],
  ['Decimal(18, 2)', 'Decimal(10, 4)', 'Decimal(20, 4)'],
  ['Decimal(76, 2)', 'Decimal(10, 4)', undefined],
  ['Int64', 'Decimal(38, 0)', 'Decimal(38, 0)'],
  ['Int64', 'Decimal(10, 2)', 'Decimal(21, 2)'],
  ['Decimal(38, 2)', 'Int64', 'Decimal(38, 2)'],
  ['Decimal(18, 2)', 'Float64', undefined],
  ['Decimal(18, 2)', 'String', undefined],
  ['Int64', 'Nullable(Int64)', 'Nullable(Int64)'],
  ['Nullable(Int64)', 'Int32', 'Nullable(Int64)'],
  ['Nullable(Int32)', 'Int64', 'Nullable(Int64)'],
  ['LowCardinality(String)', 'String', 'LowCardinality(String)'],
  ['LowCardinality(String)', 'Nullable(String)', 'LowCardinality(Nullable(String))'],
  ['LowCardinality(Int32)', 'Int64', 'LowCardinality(Int64)'],
  ['LowCardinality(Int32)', 'Decimal(38, 0)', 'Decimal(38, 0)'],
  ["Enum8('a' = 1)", 'String', 'String'],
  ['Bool', 'Int32', 'Int32'],
  ['Bool', 'String', 'String'],
  ['Int64', 'String', 'String'],
  ['String', 'Int64', 'String'],
  ['String', 'Decimal(10, 2)', 'String'],
  ['Nullable(Float64)', 'String', 'Nullable(String)'],
  ["DateTime64(3, 'UTC')", 'String', 'String'],
  ['UUID', 'String', 'String'],
  ['String', 'UUID', 'String'],
  ['UUID', 'Int64', undefined],
  ['Bool', "DateTime64(3, 'UTC')", undefined],
  ['FixedString(3)', 'String', undefined],
  ['Array(Int32)', 'Array(Nullable(Int64))', 'Array(Nullable(Int64))'],
  ['Array(Int64)', 'Int64', undefined],
  ['Int64', 'Array(Int64)', undefined],
  ['Array(String)', 'Nullable(String)', undefined],
  ['String', 'Tuple(a String)', undefined],
  ['Map(LowCardinality(String), Int32)', 'Map(String, Int64)', 'Map(LowCardinality(String), Int64)'],
  ['Map(String, Int32)', 'Array(Int32)', undefined],
  [
    'Tuple(a Int32, old String)',
    'Tuple(b Bool, a Int64)',
    'Tuple(`a` Int64, `old` Nullable(String), `b` Nullable(Bool))',
  ],
  ['Tuple(a Int32)', 'Tuple(a Int32)', 'Tuple(a Int32)'],
  ['Variant(Int64, String)', 'Int32', 'Variant(Int64, String)'],
  ['Variant(Int64, String)', 'Nullable(Bool)', 'Variant(Bool, Int64, String)'],
  ['Variant(Int64, String)', 'Variant(Bool, Int32)', 'Variant(Bool, Int64, String)'],
  ['Variant(Int32, String)', 'Int64', 'Variant(Int32, Int64, String)'],
  ['Int64', 'Variant(Int64, String)', 'Variant(Int64, String)'],
  ['Int64', 'Variant(Bool, String)', 'Variant(Bool, Int64, String)'],
  ['Int32', 'Variant(Int64, String)', 'Variant(Int32, Int64, String)'],
  ['Nullable(Int64)', 'Variant(Int64, String)', undefined],
  ['LowCardinality(Int64)', 'Variant(Int64, String)', undefined],
  ['String', 'Variant(Int64, String)', 'Nullable(String)'],
  ['Variant(Int64, String)', 'Array(Int64)', undefined],
  ['Array(Int64)', 'Variant(Int64, String)', undefined],
];
for (const [have, want, result] of widenings) {
  test(`${have} and ${want} ${result === undefined ? 'have no common type' : `widen to ${result}`}`, () => {
    const widen = () => widened(typeOf(have), typeOf(want), 'column customers_raw.mrr');
    if (result !== undefined) {
      assert.equal(widen().text, result);
      return;
    }
    assert.throws(widen, (error) => {
      assert.ok(error instanceof IncompatibleSchemaError);
      assert.match(error.message, /^column customers_raw\.mrr is .*, but the topic's schema needs /);
      assert.ok(error.message.includes(have) && error.message.includes(want), error.message);
      return true;
    });
  });
}

const symbols = (count: number) => Array.from({ length: count }, (_, index) => `S${index}`);
const enums: readonly (readonly [have: string, symbols: readonly string[], result: string | RegExp])[] = [
  ["Enum8('a' = 1, 'b' = -2)", ['b'], "Enum8('a' = 1, 'b' = -2)"],
  ["Enum8('a' = 1, 'b' = -2)", ['c', 'a', 'd'], "Enum8('b' = -2, 'a' = 1, 'c' = 2, 'd' = 3)"],
  ["Enum8('a' = 1)", symbols(127), /^Enum16\('a' = 1, 'S0' = 2,.*'S126' = 128\)$/],
  ["Enum16('a' = 32767)", ['b'], 'String'],
  ['String', ['b'], 'String'],
];
for (const [have, more, result] of enums) {
  test(`${have} with the symbols ${more.slice(0, 3).join()} becomes ${String(result)}`, () => {
    const want = columnTypeOf({ kind: 'enum', symbols: more });
    assert.ok(want);
    const sql = widened(typeOf(have), want, 'x').text;
    if (typeof result === 'string') assert.equal(sql, result);
    else assert.match(sql, result);
  });
}

test('an Avro fixed fits a FixedString only if both have the same size', () => {
  const want = columnTypeOf({ kind: 'fixed', bytes: 3 });
  assert.ok(want);
  assert.equal(widened(typeOf('FixedString(3)'), want, 'x').text, 'FixedString(3)');
  assert.throws(() => widened(typeOf('FixedString(4)'), want, 'x'), IncompatibleSchemaError);
});

const nulls: readonly (readonly [have: string, result: string])[] = [
  ['Int64', 'Nullable(Int64)'],
  ['Nullable(Int64)', 'Nullable(Int64)'],
  ['LowCardinality(String)', 'LowCardinality(Nullable(String))'],
  ['Array(Int64)', 'Array(Int64)'],
  ['Tuple(x Int64)', 'Tuple(`x` Nullable(Int64))'],
  ['Variant(Int64, String)', 'Variant(Int64, String)'],
];
for (const [have, result] of nulls) {
  test(`Array(${have}) becomes Array(${result}) when the schema declares the items as null`, () => {
    const want = columnTypeOf({ kind: 'array', items: { kind: 'null' } });
    assert.ok(want);
    assert.equal(widened(typeOf(`Array(${have})`), want, 'x').text, `Array(${result})`);
  });
}

test('an error within a Tuple names the member', () => {
  assert.throws(
    () =>
      widened(
        typeOf('Array(Tuple(a Tuple(b Int64)))'),
        typeOf('Array(Tuple(a Tuple(b UUID)))'),
        'column t.x',
      ),
    /^IncompatibleSchemaError: column t\.x\.a\.b is Int64, .* needs UUID/,
  );
});

const related = fc.oneof(columnTypes, fc.constantFrom(...existingTypes).map(typeOf));

test('widened returns the same type when it is applied again', () => {
  fc.assert(
    fc.property(related, related, (have, want) => {
      assert.equal(widened(have, have, 'x'), have);
      let wide: ColumnType;
      try {
        wide = widened(have, want, 'x');
      } catch (error) {
        assert.ok(error instanceof IncompatibleSchemaError);
        return;
      }
      assert.equal(widened(wide, want, 'x'), wide);
      assert.equal(widened(wide, have, 'x'), wide);
      assert.ok(parseColumnType(wide.text), wide.text);
    }),
    { numRuns: 3000 },
  );
});
