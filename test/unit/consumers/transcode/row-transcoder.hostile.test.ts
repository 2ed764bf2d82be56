import assert from 'node:assert/strict';
import test from 'node:test';
import { parseWriterSchema } from '../../../../consumers/schema/writer-schema.ts';
import type { Column } from '../../../../consumers/column/column-type.ts';
import { compileRowTranscoder } from '../../../../consumers/transcode/compile.ts';
import { RowBuffer } from '../../../../consumers/transcode/row-buffer.ts';
import { DecodeError, IncompatibleSchemaError } from '../../../../core/errors.ts';
import { varint } from '../../../fixtures/avro-encoder.ts';
import { twosComplement, type Schema } from '../../../fixtures/avro-schemas.ts';
import { columnsOf, typeOf } from '../../../fixtures/tables.ts';

const logical = (type: string, logicalType: string, more = {}) => ({ type, logicalType, ...more });
const schemaOf = (type: Schema) =>
  parseWriterSchema(JSON.stringify({ type: 'record', name: 'T', fields: [{ name: 'a', type }] }), 'schema');

/** Returns the row of a message with one field. By default, the column has the field's own type. */
function rowOf(type: Schema, avro: Buffer, column?: string, primaryKey: readonly string[] = []): Buffer {
  const schema = schemaOf(type);
  const columns: Column[] = column === undefined ? columnsOf(schema) : [{ name: 'a', type: typeOf(column) }];
  const out = new RowBuffer(16);
  compileRowTranscoder(schema, columns, primaryKey).transcode(avro, 0, out);
  return Buffer.from(out.bytes.subarray(0, out.length));
}

const bytesOf = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex');
const list = { type: 'array', items: 'long' };
const texts = { type: 'array', items: ['null', 'string'] };
const empties = { type: 'array', items: 'null' };
const chain = { type: 'record', name: 'Chain', fields: [{ name: 'next', type: ['null', 'Chain'] }] };
const endless = {
  type: 'record',
  name: 'Endless',
  fields: [
    { name: 'next', type: 'Endless' },
    { name: 'other', type: 'Endless' },
  ],
};
const colour = { type: 'enum', name: 'Colour', symbols: ['RED', 'GREEN'] };
const decimal = logical('bytes', 'decimal', { precision: 4, scale: 2 });
const wideDecimal = logical('bytes', 'decimal', { precision: 100 });
const numberBytes = (value: bigint) => {
  const bytes = twosComplement(value, undefined);
  return Buffer.concat([varint(BigInt(bytes.length)), bytes]);
};
const jsonList = ['string', { type: 'array', items: 'long' }];
const uuid = logical('string', 'uuid');
const uuidBytes = (text: string) => Buffer.concat([varint(BigInt(text.length)), Buffer.from(text)]);

const refused: readonly (readonly [
  name: string,
  type: Schema,
  avro: Buffer | string,
  message: RegExp,
  column?: string,
])[] = [
  ['a count of 2^31 - 1', list, 'fe ff ff ff 0f 02 00', /field a: a count/],
  ['a count of -2^31', list, 'ff ff ff ff 0f 02 02 00', /field a: a count/],
  ['a count of -2^63', list, 'ff ff ff ff ff ff ff ff ff 01 02 02 00', /more than 32 bits/],
  ['a count of 2^32', list, '80 80 80 80 20 02 00', /more than 32 bits/],
  [
    'a count that just exceeds the remaining bytes',
    { type: 'array', items: 'double' },
    '02 00 00 00 00 00 00 00',
    /a count/,
  ],
  ['a second count that exceeds the remaining bytes', list, '02 02 10 00', /a count/],
  ['a block that is shorter than its size', list, '01 04 02 00', /size of a block of items differs/],
  ['a block that is longer than its size', list, '03 02 02 04 00', /count|size/],
  ['a block whose size exceeds the remaining bytes', list, '01 7e 02 00', /a length/],
  ['a block of negative size', list, '01 01 02 00', /a length/],
  ['an integer without an end', 'long', 'ff ff ff ff ff ff ff ff ff ff ff ff 01', /more than 64 bits/],
  ['an integer of 65 bits', 'long', 'ff ff ff ff ff ff ff ff ff 02', /more than 64 bits/],
  ['an int of 33 bits', 'int', '80 80 80 80 10', /more than 32 bits/],
  ['a string longer than the remaining bytes', texts, '02 02 7e 61 00', /field a\[\]: a length/],
  ['a string of negative length', texts, '02 02 01 61 00', /a length/],
  ['a string of 2^40 bytes', 'string', Buffer.concat([varint(2n ** 40n), Buffer.from('a')]), /a length/],
  [
    'a string of 2^63 - 1 bytes',
    'string',
    Buffer.concat([varint(2n ** 63n - 1n), Buffer.from('a')]),
    /a length/,
  ],
  ['a string of -2^63 bytes', 'string', varint(-(2n ** 63n)), /a length/],
  ['bytes with a length of 2^31', 'bytes', Buffer.concat([varint(2n ** 31n), Buffer.from('a')]), /a length/],
  ['union index 2 for two branches', ['null', 'long'], '04 02', /a union branch/],
  ['union index -1', ['null', 'long'], '01 02', /a union branch/],
  ['union index 2^32', ['null', 'long'], '80 80 80 80 20 02', /32 bits/],
  ['union index 64', ['null', 'long'], '80 01 02', /a union branch/],
  ['union index 3 for three branches', ['null', 'long', 'string'], '06 02', /a union branch/],
  ['a boolean with the byte 2', 'boolean', '02', /a boolean/],
  ['a missing boolean', 'boolean', '', /end within/],
  ['enum index 2 for two symbols', colour, '04', /an enum symbol/],
  ['enum index -1', colour, '01', /an enum symbol/],
  ['enum index 2 for an Enum column', colour, '04', /enum symbol/, "Enum8('RED' = 1, 'GREEN' = 2)"],
  ['a symbol that the Enum lacks', colour, '02', /a symbol/, "Enum8('RED' = 1)"],
  ['a string that the Enum lacks', 'string', '02 61', /a symbol/, "Enum8('RED' = 1)"],
  [
    'a string whose length differs from that of the FixedString',
    'string',
    '02 61',
    /the string does not have the 2 bytes/,
    'FixedString(2)',
  ],
  ['a byte after the last field', 'long', '02 00', /bytes are left over/],
  ['a double of 7 bytes', 'double', '00 00 00 00 00 00 00', /end within/],
  ['a decimal of 5 digits', decimal, '04 27 10', /more than 4 digits/],
  ['a negative decimal of 5 digits', decimal, '04 d8 f0', /more than 4 digits/],
  ['a decimal of 5 bytes', decimal, '0a 01 00 00 00 00', /more than 4 digits/],
  ['a decimal of 65 bytes', decimal, Buffer.concat([varint(65n), Buffer.alloc(65)]), /more than 4 digits/],
  ['a decimal whose low 4 bytes have the opposite sign', decimal, '0a 00 ff ff ff ff', /more than 4 digits/],
  ['10^100 for a decimal of 100 digits', wideDecimal, numberBytes(10n ** 100n), /more than 100 digits/],
  ['-10^100 for a decimal of 100 digits', wideDecimal, numberBytes(-(10n ** 100n)), /more than 100 digits/],
  [
    'a block that is shorter than its size within JSON',
    jsonList,
    '02 01 04 02 00',
    /size of a block of items differs/,
  ],
  ['a UUID with a wrong last digit', uuid, uuidBytes('61f0c404-5cb3-11e7-907b-a6006ad3dbag'), /not a UUID/],
  [
    'a decimal of 60 bytes for 100 digits',
    logical('bytes', 'decimal', { precision: 100 }),
    Buffer.concat([varint(60n), Buffer.alloc(60, 127)]),
    /more than 100 digits/,
  ],
  ['a long too large for a Decimal', 'long', varint(10n ** 18n), /more than 18 digits/, 'Decimal(18, 0)'],
  [
    'a date beyond the range of a DateTime64',
    logical('int', 'date'),
    varint(2n ** 31n - 1n),
    /range/,
    "DateTime64(6, 'UTC')",
  ],
  [
    'a UUID with a wrong second-to-last digit',
    uuid,
    uuidBytes('61f0c404-5cb3-11e7-907b-a6006ad3dbg0'),
    /not a UUID/,
  ],
  ['a UUID without dashes', uuid, uuidBytes('61f0c4045cb311e7907ba6006ad3dba00000'), /not a UUID/],
  ['a UUID that is too short', uuid, uuidBytes('61f0c404-5cb3-11e7-907b-a6006ad3dba'), /not a UUID/],
  ['an empty UUID', uuid, '00', /not a UUID/],
  [
    '65,537 items without bytes',
    empties,
    Buffer.concat([varint(65_537n), varint(0n)]),
    /more than 65536 items/,
  ],
  [
    '65,537 items without bytes in two blocks',
    empties,
    Buffer.concat([varint(65_536n), varint(1n), varint(0n)]),
    /more than 65536 items/,
  ],
  ['2^31 - 1 items without bytes', empties, 'fe ff ff ff 0f 00', /more than 65536 items/],
  [
    '2^31 - 1 nulls as JSON',
    ['string', { type: 'array', items: 'null' }],
    '02 fe ff ff ff 0f 00',
    /more than 65536 items/,
  ],
  [
    'a chain of 300 levels',
    chain,
    Buffer.concat([Buffer.alloc(300, 2), Buffer.from([0])]),
    /more than 256 levels deep/,
  ],
  ['a chain of a million levels', chain, Buffer.alloc(1_000_000, 2), /more than 256 levels deep/],
  ['a type without a finite value', endless, '', /more than 256 levels deep/],
  ['union index 2 within JSON', chain, '04', /union branch/],
];
for (const [name, type, avro, message, column] of refused) {
  test(`${name} causes a decode error`, () => {
    const bytes = typeof avro === 'string' ? bytesOf(avro) : avro;
    assert.throws(
      () => rowOf(type, bytes, column),
      (error) => {
        assert.ok(error instanceof DecodeError, String(error));
        assert.match(error.message, message);
        return true;
      },
    );
  });
}

const accepted: readonly (readonly [
  name: string,
  type: Schema,
  avro: Buffer | string,
  row: string | RegExp,
  column?: string,
])[] = [
  ['an integer with redundant bytes', 'long', '82 80 80 80 80 80 80 80 80 00', '0100000000000000'],
  ['a union index with redundant bytes', ['null', 'int'], '82 00 04', '0002000000'],
  ['an array in two blocks', list, '02 02 02 04 00', '0201000000000000000200000000000000'],
  [
    'an array in blocks with and without a size',
    list,
    '01 02 02 02 04 00',
    '0201000000000000000200000000000000',
  ],
  [
    'an array in blocks within an array in blocks',
    { type: 'array', items: texts },
    '02 02 02 02 61 02 00 00 01 02 00 00',
    '02 02 000161 01 00',
  ],
  ['a decimal with redundant bytes', decimal, '0c ff ff ff ff fb 2e', '2efbffff'],
  [
    'a decimal of 64 bytes',
    decimal,
    Buffer.concat([varint(64n), Buffer.alloc(63), Buffer.from([5])]),
    '05000000',
  ],
  ['the largest decimal', decimal, '04 27 0f', '0f270000'],
  ['the smallest decimal', decimal, '04 d8 f1', 'f1d8ffff'],
  ['65,536 items without bytes', empties, Buffer.concat([varint(65_536n), varint(0n)]), /^808004(01)+$/],
  ['a string that is not UTF-8', 'string', '04 c3 28', '02c328'],
  [
    'a chain of 255 levels',
    chain,
    Buffer.concat([Buffer.alloc(255, 2), Buffer.from([0])]),
    /^.{4}7b226e657874223a7b/,
  ],
  ['bytes as long as the FixedString', 'bytes', '04 61 62', '6162', 'FixedString(2)'],
  ['a string that is a symbol of the Enum', 'string', '06 52 45 44', 'ff', "Enum8('RED' = -1)"],
];
for (const [name, type, avro, row, column] of accepted) {
  test(`${name} can be read`, () => {
    const hex = rowOf(type, typeof avro === 'string' ? bytesOf(avro) : avro, column).toString('hex');
    if (typeof row === 'string') assert.equal(hex, row.replaceAll(' ', ''));
    else assert.match(hex, row);
  });
}

test('an array in blocks keeps its items when its count outgrows one byte', () => {
  const [first, second] = [3, 200];
  const item = Buffer.from([2, 2, 97]);
  const blocks = [first, second].flatMap((count) => [
    varint(BigInt(count)),
    ...Array.from({ length: count }, () => item),
  ]);
  const row = rowOf(texts, Buffer.concat([...blocks, varint(0n)]));
  assert.equal(row.toString('hex'), `cb01${'000161'.repeat(203)}`);
});

test('reading nested arrays in many blocks does not take exponential time', () => {
  const levels = 40;
  let type: Schema = 'long';
  let avro = varint(1n);
  for (let level = 0; level < levels; level++) {
    type = { type: 'array', items: type };
    // A block with the nested item, then one with an empty array (at the innermost level, a number).
    const rest = level === 0 ? varint(1n) : varint(0n);
    avro = Buffer.concat([varint(1n), avro, varint(1n), rest, varint(0n)]);
  }
  // Reading the inner arrays twice per level would require 2^40 reads, which would never finish.
  assert.ok(rowOf(type, avro).length > levels);
});

test('the items of a field count once toward the limit if the field is skipped and then read', () => {
  const schema = parseWriterSchema(
    JSON.stringify({
      type: 'record',
      name: 'T',
      fields: [
        { name: 'a', type: empties },
        { name: 'b', type: 'int' },
      ],
    }),
    'schema',
  );
  const { transcode } = compileRowTranscoder(schema, columnsOf(schema).toReversed(), []);
  const out = new RowBuffer();
  transcode(Buffer.concat([varint(65_536n), varint(0n), varint(7n)]), 0, out);
  assert.equal(out.length, 4 + 3 + 65_536);
});

test('a small message cannot produce an unlimited row', () => {
  const members = Array.from({ length: 200 }, (_, index) => `m${index} Decimal(76, 0)`).join(', ');
  const items = {
    type: 'array',
    items: { type: 'record', name: 'R', fields: [{ name: 'x', type: 'boolean' }] },
  };
  const count = 50_000;
  const avro = Buffer.concat([varint(BigInt(count)), Buffer.alloc(count), varint(0n)]);
  assert.throws(
    () => rowOf(items, avro, `Array(Tuple(x Bool, ${members}))`),
    /DecodeError: field a.*exceeds 256 MiB/,
  );
});

const doubleBytes = (value: number) => {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return bytes;
};
const jsonTexts: readonly (readonly [type: Schema, avro: Buffer | string, text: string])[] = [
  ['double', doubleBytes(NaN), '"NaN"'],
  ['double', doubleBytes(-Infinity), '"-Infinity"'],
  ['double', doubleBytes(-0), '-0'],
  ['double', doubleBytes(1e300), '1e300'],
  ['double', doubleBytes(1e20), '1e+20'],
  ['double', doubleBytes(-(2 ** 63)), '-9.223372036854776e+18'],
  ['double', doubleBytes(2 ** 53), '9007199254740992'],
  ['float', 'cdcccc3d', '0.1'],
  ['long', varint(-(2n ** 63n)), '-9223372036854775808'],
  ['bytes', '06 00 22 ff', '"\\u0000\\"\u00ff"'],
  ['string', '06 c3 28 0a', '"\ufffd(\\n"'],
  [decimal, '02 fb', '-0.05'],
  [
    { type: 'bytes', logicalType: 'decimal', precision: 20, scale: 0 },
    '12 01 00 00 00 00 00 00 00 00',
    '"18446744073709551616"',
  ],
  [logical('int', 'date'), '02', '1'],
  [colour, '02', '"GREEN"'],
  ['null', '', 'null'],
  [{ type: 'map', values: 'int' }, '02 02 22 02 00', '{"\\"":1}'],
];
for (const [type, avro, wanted] of jsonTexts) {
  test(`${JSON.stringify(type)} in JSON is ${JSON.stringify(wanted)}`, () => {
    const bytes = typeof avro === 'string' ? bytesOf(avro) : avro;
    const row = rowOf(
      [{ type: 'array', items: type }, 'int'],
      Buffer.concat([Buffer.from([0, 2]), bytes, Buffer.from([0])]),
    );
    assert.equal(row.toString('utf8', 1), `[${wanted}]`);
    assert.doesNotThrow(() => JSON.parse(wanted) as unknown);
  });
}

test('a small message cannot produce unlimited JSON', () => {
  const items = { type: 'record', name: 'R', fields: [{ name: 'x'.repeat(10_000), type: 'boolean' }] };
  const avro = Buffer.concat([varint(1n), varint(8_000n), Buffer.alloc(8_000), varint(0n)]);
  assert.throws(
    () => rowOf(['string', { type: 'array', items }], avro),
    /DecodeError: field a: the JSON text has more than 67108864 characters/,
  );
});

test('null in the primary key causes a decode error', () => {
  assert.throws(
    () => rowOf(['null', 'string'], bytesOf('00'), 'String', ['a']),
    /DecodeError: field a: the primary key must not be null/,
  );
  assert.equal(rowOf(['null', 'string'], bytesOf('02 02 61'), 'String', ['a']).toString('hex'), '0161');
});

test('a field of type null leaves its column at the default, and is rejected in the key', () => {
  assert.equal(rowOf('null', bytesOf(''), 'Int64').toString('hex'), '0000000000000000');
  assert.equal(rowOf(['null'], bytesOf('00'), 'Nullable(Int64)').toString('hex'), '01');
  assert.throws(
    () => rowOf('null', bytesOf(''), 'Int64', ['a']),
    /DecodeError: field a: the primary key must not be null/,
  );
});

test('a UUID in a String becomes lower case, but is unchanged in the primary key', () => {
  const text = '61F0c404-5cb3-11e7-907b-a6006ad3dba0';
  assert.equal(rowOf(uuid, uuidBytes(text), 'String').toString('latin1', 1), text.toLowerCase());
  assert.equal(rowOf(uuid, uuidBytes(text), 'String', ['a']).toString('latin1', 1), text);
  assert.equal(rowOf(uuid, uuidBytes('Not a UUID'), 'String').toString('latin1', 1), 'Not a UUID');
});

const unfit: readonly (readonly [Schema, string])[] = [
  ['string', 'Int64'],
  ['long', 'Int32'],
  ['long', 'Float64'],
  ['double', 'Float32'],
  [['null', 'long'], 'Int64'],
  [logical('long', 'timestamp-micros'), "DateTime64(3, 'UTC')"],
  [logical('bytes', 'decimal', { precision: 9, scale: 4 }), 'Decimal(18, 2)'],
  [list, 'String'],
  ['string', 'Variant(Bool, Int64)'],
  [chain, 'Tuple(next String)'],
  [{ type: 'fixed', name: 'F', size: 3 }, 'FixedString(4)'],
];
for (const [type, column] of unfit) {
  test(`a column of type ${column} rejects ${JSON.stringify(type)}`, () => {
    assert.throws(
      () => rowOf(type, Buffer.alloc(0), column),
      (error) => {
        assert.ok(error instanceof IncompatibleSchemaError);
        assert.match(error.message, /^field a: a column of type/);
        return true;
      },
    );
  });
}
