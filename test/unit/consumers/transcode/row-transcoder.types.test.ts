import assert from 'node:assert/strict';
import test from 'node:test';
import { parseWriterSchema } from '../../../../consumers/schema/writer-schema.ts';
import { compileRowTranscoder } from '../../../../consumers/transcode/compile.ts';
import { RowBuffer } from '../../../../consumers/transcode/row-buffer.ts';
import type { Schema } from '../../../fixtures/avro-schemas.ts';
import { columnsOf } from '../../../fixtures/tables.ts';

/**
 * Avro bytes in hexadecimal and the RowBinary that they become. The bars between values are only
 * for readability.
 */
interface Fixture {
  readonly name: string;
  readonly type: Schema;
  readonly column: string;
  readonly rows: readonly (readonly [avro: string, rowBinary: string])[];
}

const logical = (type: string, logicalType: string, more = {}) => ({ type, logicalType, ...more });
const record = (name: string, fields: Readonly<Record<string, Schema>>) => ({
  type: 'record',
  name,
  fields: Object.entries(fields).map(([field, type]) => ({ name: field, type })),
});
const utc = (digits: number) => `DateTime64(${digits}, 'UTC')`;
const millis = logical('long', 'timestamp-millis');

/** The fixtures are named after the schemas in the tests of ClickHouse's Kafka Connect sink. */
const fixtures: readonly Fixture[] = [
  {
    name: 'all_primitives',
    type: record('P', {
      n: 'null',
      b: 'boolean',
      i: 'int',
      l: 'long',
      f: 'float',
      d: 'double',
      y: 'bytes',
      s: 'string',
    }),
    column:
      'Tuple(`n` Nullable(String), `b` Bool, `i` Int32, `l` Int64, `f` Float32, `d` Float64, `y` String, `s` String)',
    rows: [
      [
        '01|03|ffffffffffffffffff01|0000c03f|000000000000f03f|02ff|0461c3',
        '01|01|feffffff|0000000000000080|0000c03f|000000000000f03f|01ff|0261c3',
      ],
    ],
  },
  {
    name: 'array_of_nullable_strings',
    type: { type: 'array', items: ['null', 'string'] },
    column: 'Array(Nullable(String))',
    rows: [
      ['06|020261|00|0200|00', '03|000161|01|0000'],
      ['00', '00'],
    ],
  },
  {
    name: 'date_logical',
    type: logical('int', 'date'),
    column: 'Date32',
    rows: [
      ['01', 'ffffffff'],
      ['d2b402', '294d0000'],
    ],
  },
  {
    name: 'decimal_bytes',
    type: logical('bytes', 'decimal', { precision: 10, scale: 2 }),
    column: 'Decimal(10, 2)',
    rows: [
      ['04|fb2e', '2efbffffffffffff'],
      ['00', '0000000000000000'],
      ['06|000080', '8000000000000000'],
    ],
  },
  {
    name: 'decimal_fixed_logical',
    type: logical('fixed', 'decimal', { name: 'D', size: 4, precision: 9, scale: 2 }),
    column: 'Decimal(9, 2)',
    rows: [
      ['fffffb2e', '2efbffff'],
      ['3b9ac9ff', 'ffc99a3b'],
    ],
  },
  {
    name: 'duration_logical',
    type: logical('fixed', 'duration', { name: 'D', size: 12 }),
    column: 'String',
    rows: [['010000000200000003000000', '0c|010000000200000003000000']],
  },
  {
    name: 'nested_array_of_records',
    type: { type: 'array', items: record('R', { a: 'int', b: 'string' }) },
    column: 'Array(Tuple(`a` Int32, `b` String))',
    rows: [['04|02|0261|04|0262|00', '02|01000000|0161|02000000|0162']],
  },
  {
    name: 'nested_deep',
    type: record('A', {
      b: record('B', { c: record('C', { d: ['null', { type: 'array', items: 'long' }] }) }),
    }),
    column: 'Tuple(`b` Tuple(`c` Tuple(`d` Array(Int64))))',
    rows: [
      ['00', '00'],
      ['02|02|01|00', '01|ffffffffffffffff'],
    ],
  },
  {
    name: 'nested_map_string_record',
    type: { type: 'map', values: record('R', { a: 'int' }) },
    column: 'Map(String, Tuple(`a` Int32))',
    rows: [['04|0261|02|0261|04|00', '02|0161|01000000|0161|02000000']],
  },
  {
    name: 'nested_record_with_nullable_fields',
    type: ['null', record('R', { a: ['null', 'int'], b: ['string', 'null'] })],
    column: 'Tuple(`a` Nullable(Int32), `b` Nullable(String))',
    rows: [
      ['00', '01|01'],
      ['02|02|02|02', '00|01000000|01'],
      ['02|00|00|0261', '01|00|0161'],
    ],
  },
  {
    name: 'nested_simple',
    type: record('R', { a: 'boolean' }),
    column: 'Tuple(`a` Bool)',
    rows: [['00', '00']],
  },
  {
    name: 'nullable_timestamp_in_nested',
    type: record('R', { a: ['null', millis] }),
    column: `Tuple(\`a\` Nullable(${utc(3)}))`,
    rows: [
      ['00', '01'],
      ['02|d00f', '00|e803000000000000'],
    ],
  },
  {
    name: 'time_micros',
    type: logical('long', 'time-micros'),
    column: 'Int64',
    rows: [['02', '0100000000000000']],
  },
  { name: 'time_millis', type: logical('int', 'time-millis'), column: 'Int32', rows: [['02', '01000000']] },
  {
    name: 'timestamp_micros',
    type: logical('long', 'timestamp-micros'),
    column: utc(6),
    rows: [['01', 'ffffffffffffffff']],
  },
  { name: 'timestamp_millis', type: millis, column: utc(3), rows: [['f6a1abfef962', '7b68e5cf8b010000']] },
  {
    name: 'timestamp_millis_nullable',
    type: ['null', millis],
    column: `Nullable(${utc(3)})`,
    rows: [
      ['00', '01'],
      ['02|02', '00|0100000000000000'],
    ],
  },
  {
    name: 'union_null_int',
    type: ['null', 'int'],
    column: 'Nullable(Int32)',
    rows: [
      ['00', '01'],
      ['02|01', '00|ffffffff'],
    ],
  },
  {
    name: 'union_null_long',
    type: ['long', 'null'],
    column: 'Nullable(Int64)',
    rows: [
      ['02', '01'],
      ['00|02', '00|0100000000000000'],
    ],
  },
  {
    name: 'union_null_string',
    type: ['null', 'string'],
    column: 'Nullable(String)',
    rows: [
      ['00', '01'],
      ['02|00', '00|00'],
    ],
  },
  {
    name: 'union_null_string_bytes',
    type: ['null', 'string', 'bytes'],
    column: 'Nullable(String)',
    rows: [
      ['00', '01'],
      ['02|0261', '00|0161'],
      ['04|02ff', '00|01ff'],
    ],
  },
  {
    name: 'union_null_string_int',
    type: ['null', 'string', 'int'],
    column: 'Variant(Int32, String)',
    rows: [
      ['00', 'ff'],
      ['02|0261', '01|0161'],
      ['04|02', '00|01000000'],
    ],
  },
  {
    name: 'union_string_int',
    type: ['string', 'int'],
    column: 'Variant(Int32, String)',
    rows: [
      ['00|0261', '01|0161'],
      ['02|02', '00|01000000'],
    ],
  },
  {
    name: 'union_two_records',
    type: [record('A', { a: 'string' }), record('B', { b: ['null', 'long'] })],
    column: 'String',
    rows: [
      ['00|0422c3', `0d|${Buffer.from('{"a":"\\"\ufffd"}').toString('hex')}`],
      ['02|02|01', `08|${Buffer.from('{"b":-1}').toString('hex')}`],
    ],
  },
  {
    name: 'uuid_logical',
    type: logical('string', 'uuid'),
    column: 'UUID',
    rows: [
      [
        `48|${Buffer.from('61f0c404-5CB3-11e7-907b-a6006ad3dba0').toString('hex')}`,
        'e711b35c04c4f061|a0dbd36a00a67b90',
      ],
    ],
  },
];

const bytesOf = (hex: string) => Buffer.from(hex.replaceAll('|', ''), 'hex');

for (const { name, type, column, rows } of fixtures) {
  test(`${name} becomes ${column}, byte for byte`, () => {
    const text = JSON.stringify({ type: 'record', name: 'Top', fields: [{ name: 'value', type }] });
    const schema = parseWriterSchema(text, name);
    const columns = columnsOf(schema);
    assert.deepEqual(
      columns.map((of) => of.type.text),
      [column],
    );
    const { transcode } = compileRowTranscoder(schema, columns, []);
    for (const [avro, rowBinary] of rows) {
      const out = new RowBuffer();
      transcode(bytesOf(avro), 0, out);
      assert.equal(out.bytes.toString('hex', 0, out.length), bytesOf(rowBinary).toString('hex'));
    }
  });
}
