import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { columnCommentOf, columnTypeOf, keyColumnTypeOf } from '../../consumers/clickhouse/column-type-of.ts';
import {
  arrayType,
  columnTypeSql,
  dateTime64Type,
  dateTimeType,
  decimalType,
  enumType,
  fixedStringType,
  lowCardinalityType,
  mapType,
  nullableType,
  scalarNames,
  scalarType,
  stringType,
  tupleType,
  variantType,
  type ColumnType,
} from '../../consumers/clickhouse/column-type.ts';
import { parseColumnType } from '../../consumers/clickhouse/parse-column-type.ts';
import { isSame, widened } from '../../consumers/clickhouse/widened.ts';
import { parseWriterSchema } from '../../consumers/avro/writer-schema.ts';
import { IncompatibleSchemaError } from '../../core/errors.ts';
import type { Schema } from '../fixtures/avro-schemas.ts';
import { existingTypes, typeOf } from '../fixtures/tables.ts';

// ── Parsing ────────────────────────────────────────────────────────────────────────────────────

const names = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.string({ unit: fc.constantFrom('`', '\\', ' ', '(', ')', ',', "'", 'a', '\n', 'n'), maxLength: 6 }),
  fc.constantFrom('Nullable', 'Array', 'Tuple', 'String', "DateTime64(3, 'UTC')"),
);
const zones = fc.option(fc.constantFrom('UTC', 'Europe/Berlin'), { nil: undefined });
const scalars = fc.oneof(
  fc.constantFrom(...scalarNames).map((name) => (name === 'String' ? stringType : scalarType(name))),
  fc.constantFrom(1, 16).map(fixedStringType),
  zones.map(dateTimeType),
  fc.tuple(fc.nat(9), zones).map(([digits, zone]) => dateTime64Type(digits, zone)),
  fc
    .tuple(fc.integer({ min: 1, max: 76 }), fc.nat(1))
    .map(([precision, scale]) => decimalType(precision, scale)),
  fc
    .uniqueArray(fc.tuple(names, fc.integer({ min: -128, max: 127 })), {
      minLength: 1,
      selector: ([name]) => name,
    })
    .map((values) => enumType(8, values)),
);
const { type: types } = fc.letrec<{ type: ColumnType }>((tie) => ({
  type: fc.oneof(
    { maxDepth: 3 },
    scalars,
    scalars.map(nullableType),
    fc
      .constantFrom('String', 'Nullable(String)', 'FixedString(3)')
      .map((text) => lowCardinalityType(typeOf(text))),
    tie('type').map(arrayType),
    tie('type').map((value) => mapType(stringType, value)),
    fc.array(scalars, { minLength: 1, maxLength: 4 }).map(variantType),
    fc
      .uniqueArray(fc.record({ name: names, type: tie('type') }, { noNullPrototype: true }), {
        selector: ({ name }) => name,
        minLength: 1,
        maxLength: 4,
      })
      .map(tupleType),
  ),
}));

test('every type is read back from its SQL', () => {
  fc.assert(
    fc.property(types, (type) => {
      const read = parseColumnType(columnTypeSql(type));
      assert.ok(read && isSame(read, type), columnTypeSql(type));
      assert.equal(columnTypeSql(read), columnTypeSql(type));
    }),
    { numRuns: 500 },
  );
});

const printed = [
  ...[
    'Array(Tuple(a Nullable(String), b Int64))',
    "Tuple(date DateTime64(3, 'UTC'), `a b` UUID, Array Array(Date))",
  ],
  ...[
    "Nullable(DateTime64(3, 'UTC'))",
    'DateTime64(6)',
    "DateTime('Europe/Berlin')",
    'DateTime',
    'Decimal(76, 0)',
  ],
  ...[
    'LowCardinality(Nullable(String))',
    'LowCardinality(Int32)',
    'FixedString(16)',
    'Map(String, Array(Int8))',
  ],
  ...[
    "Enum8('a' = -128, 'it\\'s, (b) = 2' = 2)",
    "Enum16('x\\\\' = 300)",
    "Variant(Bool, DateTime64(3, 'UTC'), String)",
  ],
  ...['UInt128', 'Map(LowCardinality(String), Tuple(`\\`` Int8))'],
];
for (const text of printed) {
  test(`${text} is understood, and keeps its spelling`, () => {
    const type = parseColumnType(text);
    assert.equal(type && columnTypeSql(type), text);
  });
}

test('the parts of a type are what they say', () => {
  assert.deepEqual(parseColumnType("Enum8('a' = -1, '\\'\\n' = 2)"), {
    kind: 'enum',
    text: "Enum8('a' = -1, '\\'\\n' = 2)",
    bits: 8,
    values: [
      ['a', -1],
      ["'\n", 2],
    ],
  });
  const tuple = parseColumnType("Tuple(a String, `b\\`c` DateTime64(6, 'Asia/Tokyo'))");
  assert.ok(tuple?.kind === 'tuple');
  assert.deepEqual(tuple.members, [
    { name: 'a', type: stringType },
    { name: 'b`c', type: dateTime64Type(6, 'Asia/Tokyo') },
  ]);
});

const foreign = [
  ...[
    '',
    'Nothing',
    'Int256',
    'FixedString',
    'DateTime64',
    'Decimal(9)',
    'IPv4',
    'JSON',
    'Nested(a String)',
    "Object('json')",
  ],
  ...[
    'Tuple(String, Int64)',
    'Nullable(Tuple(a String))',
    'Nullable(Array(String))',
    'Nullable(Nullable(String))',
  ],
  ...[
    'LowCardinality(Array(String))',
    'LowCardinality(Nullable(Array(String)))',
    'Nullable(LowCardinality(String))',
  ],
  ...[
    'String)',
    'Array(String',
    'Array()',
    'Tuple()',
    'Enum8()',
    "Enum8('a')",
    'Variant()',
    'Variant(Nullable(String))',
  ],
  ...[
    'AggregateFunction(sum, UInt64)',
    'SimpleAggregateFunction(sum, UInt64)',
    'Dynamic',
    'Point',
    'Map(String)',
  ],
  ...[
    'toString',
    'String String',
    'Array(String, String)',
    "FixedString('a')",
    'DateTime64(3, UTC)',
    'Array(JSON)',
    'Int64;',
  ],
];
for (const text of foreign) {
  test(`"${text}" is no type that the sink fills`, () => assert.equal(parseColumnType(text), undefined));
}

test('any text is a type or none', () => {
  const parts = fc.constantFrom(
    ...['Array', 'Tuple', 'Nullable', 'String', 'Enum8', '(', ')', ',', ' ', '`', '\\', 'a', "'", '=', '1'],
  );
  fc.assert(
    fc.property(fc.array(parts), (text) => void parseColumnType(text.join(''))),
    { numRuns: 1000 },
  );
});

test('the members of a Variant stand in the order of their names', () => {
  const members = ['UUID', 'String', "DateTime64(3, 'UTC')", 'Bool', 'Int64', 'Date32', 'String'].map(typeOf);
  assert.equal(variantType(members).text, "Variant(Bool, Date32, DateTime64(3, 'UTC'), Int64, String, UUID)");
});

// ── Avro ───────────────────────────────────────────────────────────────────────────────────────

function writerField(type: Schema) {
  const schema = { type: 'record', name: 'T', fields: [{ name: 'a', type }] };
  const [field] = parseWriterSchema(JSON.stringify(schema), 'schema').fields;
  assert.ok(field);
  return field;
}

const logical = (type: string, logicalType: string, more = {}) => ({ type, logicalType, ...more });
const point = {
  type: 'record',
  name: 'P',
  fields: [
    { name: 'x', type: ['null', 'int'] },
    { name: 'y', type: 'null' },
  ],
};
const list = { type: 'record', name: 'L', fields: [{ name: 'next', type: ['null', 'L'] }] };
const columns: readonly (readonly [Schema, string | undefined])[] = [
  ...(
    [
      'boolean Bool',
      'int Int32',
      'long Int64',
      'float Float32',
      'double Float64',
      'string String',
      'bytes String',
    ] as const
  ).map((pair) => pair.split(' ') as [string, string]),
  [{ type: 'fixed', name: 'F', size: 3 }, 'String'],
  [{ type: 'enum', name: 'E', symbols: ['A'] }, 'String'],
  [logical('string', 'json'), 'String'],
  [logical('string', 'uuid'), 'UUID'],
  [logical('fixed', 'uuid', { name: 'U', size: 16 }), 'UUID'],
  [logical('bytes', 'decimal', { precision: 76, scale: 2 }), 'Decimal(76, 2)'],
  [logical('fixed', 'decimal', { precision: 4, name: 'D', size: 2 }), 'Decimal(4, 0)'],
  [logical('bytes', 'decimal', { precision: 77, scale: 2 }), 'String'],
  [logical('int', 'date'), 'Date32'],
  [logical('int', 'time-millis'), 'Int32'],
  [logical('long', 'time-micros'), 'Int64'],
  [logical('long', 'timestamp-millis'), "DateTime64(3, 'UTC')"],
  [logical('long', 'local-timestamp-micros'), "DateTime64(6, 'UTC')"],
  [logical('long', 'timestamp-nanos'), "DateTime64(9, 'UTC')"],
  [{ type: 'array', items: ['null', 'long'] }, 'Array(Nullable(Int64))'],
  [{ type: 'array', items: 'null' }, 'Array(Nullable(String))'],
  [{ type: 'map', values: { type: 'array', items: 'int' } }, 'Map(String, Array(Int32))'],
  [point, 'Tuple(`x` Nullable(Int32), `y` Nullable(String))'],
  [['null', point], 'Tuple(`x` Nullable(Int32), `y` Nullable(String))'],
  [['null', { type: 'array', items: 'int' }], 'Array(Int32)'],
  [{ type: 'record', name: 'R', fields: [] }, 'String'],
  [['null', { type: 'record', name: 'R', fields: [] }], 'Nullable(String)'],
  [list, 'String'],
  [['null', list], 'Nullable(String)'],
  ['null', undefined],
  [['null'], undefined],
  [['long'], 'Int64'],
  [['long', 'null'], 'Nullable(Int64)'],
  [['int', 'long'], 'Int64'],
  [['int', 'null', 'long'], 'Nullable(Int64)'],
  [['float', 'double'], 'Float64'],
  [['int', 'string'], 'Variant(Int32, String)'],
  [['null', 'string', 'bytes', { type: 'enum', name: 'E', symbols: ['A'] }], 'Nullable(String)'],
  [['string', 'boolean', 'null', 'int', 'long', 'float'], 'Variant(Bool, Float32, Int64, String)'],
  [['string', point], 'String'],
  [['null', 'string', { type: 'map', values: 'int' }], 'Nullable(String)'],
];
for (const [schema, sql] of columns) {
  test(`${JSON.stringify(schema)} becomes ${sql ?? 'no column'}`, () => {
    const type = columnTypeOf(writerField(schema).type);
    assert.equal(type && columnTypeSql(type), sql);
  });
}

const keys: readonly (readonly [Schema, string | undefined])[] = [
  ['int', 'Int64'],
  ['long', 'Int64'],
  [['null', 'long'], 'Int64'],
  ['string', 'String'],
  [logical('string', 'uuid'), 'String'],
  [{ type: 'enum', name: 'E', symbols: ['A'] }, 'String'],
  [logical('int', 'date'), 'Date32'],
  ['double', undefined],
  [['int', 'string'], undefined],
  [logical('long', 'timestamp-millis'), undefined],
  [{ type: 'array', items: 'string' }, undefined],
];
for (const [schema, sql] of keys) {
  test(`${JSON.stringify(schema)} in the primary key becomes ${sql ?? 'an error'}`, () => {
    const ask = () => keyColumnTypeOf(writerField(schema).type, 'schema 1, field a');
    if (sql !== undefined) assert.equal(columnTypeSql(ask()), sql);
    else
      assert.throws(
        ask,
        (error) => error instanceof IncompatibleSchemaError && /field a/.test(error.message),
      );
  });
}

test('the comment of a column says the unit of times', () => {
  const field = writerField(['null', logical('int', 'time-millis')]);
  assert.equal(columnCommentOf({ ...field, doc: 'Opens.' }), 'Opens. Milliseconds since midnight.');
  assert.equal(columnCommentOf(writerField('int')), '');
});

// ── Widening ───────────────────────────────────────────────────────────────────────────────────

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
  ['Tuple(a Int32, old String)', 'Tuple(b Bool, a Int64)', 'Tuple(`a` Int64, `old` String, `b` Bool)'],
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
  test(`${have} and ${want} widen to ${result ?? 'nothing'}`, () => {
    const ask = () => widened(typeOf(have), typeOf(want), 'column customers_raw.mrr');
    if (result !== undefined) {
      assert.equal(columnTypeSql(ask()), result);
      return;
    }
    assert.throws(ask, (error) => {
      assert.ok(error instanceof IncompatibleSchemaError);
      assert.match(
        error.message,
        /^column customers_raw\.mrr is .*, and the topic's schema wants .*: rename/,
      );
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
  test(`${have} takes the symbols ${more.slice(0, 3).join()} as ${String(result)}`, () => {
    const want = columnTypeOf({ kind: 'enum', symbols: more });
    assert.ok(want);
    const sql = columnTypeSql(widened(typeOf(have), want, 'x'));
    if (typeof result === 'string') assert.equal(sql, result);
    else assert.match(sql, result);
  });
}

test('a fixed fits a FixedString of its size and no other', () => {
  const want = columnTypeOf({ kind: 'fixed', bytes: 3 });
  assert.ok(want);
  assert.equal(columnTypeSql(widened(typeOf('FixedString(3)'), want, 'x')), 'FixedString(3)');
  assert.throws(() => widened(typeOf('FixedString(4)'), want, 'x'), IncompatibleSchemaError);
});

test('an error within a Tuple names the member', () => {
  assert.throws(
    () =>
      widened(
        typeOf('Array(Tuple(a Tuple(b Int64)))'),
        typeOf('Array(Tuple(a Tuple(b UUID)))'),
        'column t.x',
      ),
    /^IncompatibleSchemaError: column t\.x\.a\.b is Int64, .* wants UUID/,
  );
});

const related = fc.oneof(types, fc.constantFrom(...existingTypes).map(typeOf));

test('widening a type again changes nothing, and it is as wide as itself', () => {
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
      assert.ok(parseColumnType(columnTypeSql(wide)), columnTypeSql(wide));
    }),
    { numRuns: 3000 },
  );
});
