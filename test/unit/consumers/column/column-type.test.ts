import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {
  columnCommentOf,
  columnTypeOf,
  keyColumnTypeOf,
} from '../../../../consumers/column/column-type-of.ts';
import { dateTime64Type, stringType, variantType } from '../../../../consumers/column/column-type.ts';
import { parseColumnType } from '../../../../consumers/column/parse-column-type.ts';
import { isSame } from '../../../../consumers/column/widened.ts';
import { parseWriterSchema } from '../../../../consumers/schema/writer-schema.ts';
import { IncompatibleSchemaError } from '../../../../core/errors.ts';
import type { Schema } from '../../../fixtures/avro-schemas.ts';
import { columnTypes } from '../../../fixtures/column-types.ts';
import { typeOf } from '../../../fixtures/tables.ts';

// ── Parsing ────────────────────────────────────────────────────────────────────────────────────

test('parseColumnType reads every type back from its SQL', () => {
  fc.assert(
    fc.property(columnTypes, (type) => {
      const read = parseColumnType(type.text);
      assert.ok(read && isSame(read, type), type.text);
      assert.equal(read.text, type.text);
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
  test(`parseColumnType keeps the spelling of ${text}`, () => {
    const type = parseColumnType(text);
    assert.equal(type && type.text, text);
  });
}

test('parseColumnType returns the parts of a type', () => {
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
  test(`parseColumnType returns undefined for "${text}"`, () =>
    assert.equal(parseColumnType(text), undefined));
}

test('parseColumnType never throws', () => {
  const parts = fc.constantFrom(
    ...['Array', 'Tuple', 'Nullable', 'String', 'Enum8', '(', ')', ',', ' ', '`', '\\', 'a', "'", '=', '1'],
  );
  fc.assert(
    fc.property(fc.array(parts), (text) => void parseColumnType(text.join(''))),
    { numRuns: 1000 },
  );
});

test('variantType sorts its members by name and removes duplicates', () => {
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
  test(`columnTypeOf returns ${sql} for ${JSON.stringify(schema)}`, () => {
    const type = columnTypeOf(writerField(schema).type);
    assert.equal(type && type.text, sql);
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
  test(`keyColumnTypeOf ${sql === undefined ? 'rejects' : `returns ${sql} for`} ${JSON.stringify(schema)}`, () => {
    const keyType = () => keyColumnTypeOf(writerField(schema).type, 'schema 1, field a');
    if (sql !== undefined) assert.equal(keyType().text, sql);
    else
      assert.throws(
        keyType,
        (error) => error instanceof IncompatibleSchemaError && /field a/.test(error.message),
      );
  });
}

test('the comment of a time column states the unit', () => {
  const field = writerField(['null', logical('int', 'time-millis')]);
  assert.equal(columnCommentOf({ ...field, doc: 'Opens.' }), 'Opens. Milliseconds since midnight.');
  assert.equal(columnCommentOf(writerField('int')), '');
});
