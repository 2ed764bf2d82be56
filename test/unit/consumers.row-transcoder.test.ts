import assert from 'node:assert/strict';
import test from 'node:test';
import avro from 'avsc';
import fc from 'fast-check';
import { columnTypeOf, type Column, type ColumnType } from '../../consumers/clickhouse/column-type.ts';
import { fieldColumns, systemColumns } from '../../consumers/clickhouse/evolution.ts';
import { RowTranscoder, writeTombstone } from '../../consumers/transcode/row-transcoder.ts';
import {
  splitNullable,
  type AvroField,
  type AvroType,
  type AvroValueType,
  type StreamSchema,
} from '../../core/avro/schema.ts';
import { ByteWriter } from '../../core/byte-writer.ts';
import { DecodeError } from '../../core/errors.ts';
import { exactLong } from '../../core/avro/exact-long.ts';

// ── An independent reader of RowBinary ─────────────────────────────────────────────────────────

class RowReader {
  readonly #bytes: Buffer;
  at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  take(length: number): Buffer {
    assert.ok(length <= this.#bytes.length - this.at, 'the row ends within a value');
    this.at += length;
    return this.#bytes.subarray(this.at - length, this.at);
  }

  varint(): number {
    const byte = this.take(1).readUInt8();
    return byte < 128 ? byte : byte - 128 + 128 * this.varint();
  }

  row(columns: readonly Column[]): Record<string, unknown> {
    return Object.fromEntries(columns.map(({ name, type }) => [name, this.value(type)]));
  }

  value(type: ColumnType): unknown {
    if (type.kind === 'array') return Array.from({ length: this.varint() }, () => this.value(type.item));
    if (type.kind === 'tuple') return this.row(type.members);
    if (type.isNullable && this.take(1)[0] === 1) return null;
    switch (type.name) {
      case 'String':
        return this.take(this.varint()).toString('utf8');
      case 'Int64':
      case "DateTime64(3, 'UTC')":
        return this.take(8).readBigInt64LE();
      case 'Float64':
        return this.take(8).readDoubleLE();
      case 'Int32':
      case 'Date32':
        return this.take(4).readInt32LE();
      case 'Bool':
      case 'UInt8':
        return this.take(1).readUInt8();
      case 'UInt128': {
        const low = this.take(8).readBigUInt64LE();
        return (this.take(8).readBigUInt64LE() << 64n) + low;
      }
    }
  }
}

/** What a column shows where the writer's schema has nothing for it, or null. */
function emptyOf(type: ColumnType): unknown {
  if (type.kind === 'array') return [];
  if (type.kind === 'tuple')
    return Object.fromEntries(type.members.map((member) => [member.name, emptyOf(member.type)]));
  if (type.isNullable) return null;
  if (type.name === 'String') return '';
  return type.name === 'Int64' || type.name.startsWith('DateTime64') ? 0n : 0;
}

/** What a column shows of an Avro value. */
function shownAs(type: ColumnType, avroType: AvroType | undefined, value: unknown): unknown {
  if (avroType === undefined || value === null) return emptyOf(type);
  const { valueType } = splitNullable(avroType);
  if (type.kind === 'array' && typeof valueType === 'object' && valueType.type === 'array') {
    return (value as unknown[]).map((item) => shownAs(type.item, valueType.items, item));
  }
  if (type.kind === 'tuple' && typeof valueType === 'object' && valueType.type === 'record') {
    return rowShown(type.members, valueType.fields, value as Record<string, unknown>);
  }
  return typeof value === 'boolean' ? Number(value) : value;
}

function rowShown(columns: readonly Column[], fields: readonly AvroField[], value: Record<string, unknown>) {
  const typeOf = (name: string) => fields.find((field) => field.name === name)?.type;
  return Object.fromEntries(
    columns.map(({ name, type }) => [name, shownAs(type, typeOf(name), value[name])]),
  );
}

// ── Random schemas, tables and values ──────────────────────────────────────────────────────────

const scalars: readonly AvroValueType[] = [
  ...(['string', 'long', 'int', 'double', 'boolean'] as const),
  { type: 'string', logicalType: 'json' },
  { type: 'long', logicalType: 'timestamp-millis' },
  { type: 'int', logicalType: 'date' },
];
const fieldNames = ['a', 'b', 'customer_since', 'd4', 'E', 'f'];

function someFields(depth: number): fc.Arbitrary<AvroField[]> {
  const names = fc.uniqueArray(fc.constantFrom(...fieldNames), { minLength: 1, maxLength: 4 });
  const types = fc.array(someTypes(depth), { minLength: 4, maxLength: 4 });
  return fc
    .tuple(names, types)
    .map(([some, [type = 'long', ...more]]) => some.map((name, at) => ({ name, type: more[at] ?? type })));
}

function someTypes(depth: number): fc.Arbitrary<AvroType> {
  const scalar = fc.constantFrom(...scalars);
  const deeper = (): fc.Arbitrary<AvroValueType>[] => [
    someTypes(depth - 1).map((items) => ({ type: 'array', items })),
    someFields(depth - 1).map((fields) => ({ type: 'record', name: 'R', fields })),
  ];
  const types = depth === 0 ? scalar : fc.oneof(scalar, ...deeper());
  return fc.tuple(types, fc.boolean()).map(([type, isNullable]) => (isNullable ? ['null', type] : type));
}

let recordCount = 0;

/** Avro wants every record to have a name of its own. */
function named(type: AvroType): AvroType {
  const { isNullable, valueType } = splitNullable(type);
  if (typeof valueType === 'string') return type;
  let value: AvroValueType = valueType;
  if (valueType.type === 'array') value = { type: 'array', items: named(valueType.items) };
  if (valueType.type === 'record')
    value = { type: 'record', name: `R${recordCount++}`, fields: namedFields(valueType.fields) };
  return isNullable ? ['null', value] : value;
}

function namedFields(fields: readonly AvroField[]): AvroField[] {
  return fields.map((field) => ({ ...field, type: named(field.type) }));
}

const schemas = someFields(2).map((fields): StreamSchema => ({
  type: 'record',
  name: 'Top',
  primaryKey: ['a'],
  fields: namedFields(fields),
}));

function valuesOf(type: AvroType): fc.Arbitrary<unknown> {
  const { isNullable, valueType } = splitNullable(type);
  return isNullable ? fc.option(presentValues(valueType)) : presentValues(valueType);
}

function presentValues(type: AvroValueType): fc.Arbitrary<unknown> {
  switch (typeof type === 'string' ? type : type.type) {
    case 'string':
      return fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.integer({ min: 100, max: 300 }).map((length) => 'ü'.repeat(length)),
      );
    case 'long':
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    case 'int':
      return fc.integer();
    case 'double':
      return fc.double();
    case 'boolean':
      return fc.boolean();
  }
  if (typeof type === 'object' && type.type === 'array')
    return fc.array(valuesOf(type.items), { maxLength: 4 });
  return typeof type === 'object' && type.type === 'record' ? recordsOf(type.fields) : fc.constant(null);
}

function recordsOf(fields: readonly AvroField[]): fc.Arbitrary<Record<string, unknown>> {
  const values = Object.fromEntries(fields.map(({ name, type }) => [name, valuesOf(type)]));
  return fc.record(values, { noNullPrototype: true });
}

/** The columns in any order, with more among them, at every depth; and any scalar may have become nullable. */
function widerTables(columns: readonly Column[]): fc.Arbitrary<Column[]> {
  const wider = columns.map(({ name, type }) =>
    widerTypes(type).map((wide): Column => ({ name, type: wide })),
  );
  const added = fc.constantFrom<AvroValueType>(
    ...scalars,
    { type: 'array', items: 'long' },
    { type: 'record', name: 'X', fields: [{ name: 'x', type: 'int' }] },
  );
  return fc.tuple(fc.tuple(...wider), fc.option(added), fc.boolean()).chain(([kept, type, isNullable]) => {
    const more =
      type === null ? [] : [{ name: 'added', type: columnTypeOf(isNullable ? ['null', type] : type) }];
    return fc.shuffledSubarray([...kept, ...more], { minLength: kept.length + more.length });
  });
}

function widerTypes(type: ColumnType): fc.Arbitrary<ColumnType> {
  if (type.kind === 'array') return widerTypes(type.item).map((item) => ({ kind: 'array', item }));
  if (type.kind === 'tuple') return widerTables(type.members).map((members) => ({ kind: 'tuple', members }));
  return fc.boolean().map((isNullable) => ({ ...type, isNullable: type.isNullable || isNullable }));
}

const cases = schemas.chain((schema) =>
  fc.record({
    schema: fc.constant(schema),
    columns: widerTables(fieldColumns(schema)),
    value: recordsOf(schema.fields),
  }),
);

function frameOf(schema: StreamSchema, value: unknown): Buffer {
  // avsc gives a type of ours only to a bare `long`.
  const bare = JSON.stringify(schema, (_, part: { logicalType?: unknown; type?: unknown } | null) =>
    part?.logicalType === undefined ? part : part.type,
  );
  const type = avro.Type.forSchema(JSON.parse(bare) as avro.Schema, {
    registry: { long: exactLong },
    wrapUnions: 'never',
  });
  return Buffer.concat([Buffer.alloc(5), type.toBuffer(value)]);
}

const origin = { partition: 3, offset: 2n ** 40n + 7n, timestampMs: 1_700_000_000_123n };
const written = 'written before';

/** A writer that holds something already: what stands before a row must stay. */
function startedWriter(): ByteWriter {
  const out = new ByteWriter();
  out.avroString(written);
  return out;
}

function rowOf(schema: StreamSchema, columns: readonly Column[], frame: Buffer): Record<string, unknown> {
  const out = startedWriter();
  const start = out.length;
  try {
    new RowTranscoder(42, schema, columns).write(frame, origin, out);
  } catch (error) {
    assert.equal(out.length, start, 'something was written');
    throw error;
  }
  const reader = new RowReader(out.view().subarray(start));
  const row = reader.row([...columns, ...systemColumns]);
  assert.equal(reader.at, out.length - start, 'bytes are left over');
  return row;
}

test('every message becomes the row of its values in any table wide enough', () => {
  fc.assert(
    fc.property(cases, ({ schema, columns, value }) => {
      assert.deepEqual(rowOf(schema, columns, frameOf(schema, value)), {
        ...rowShown(columns, schema.fields, value),
        _version: (origin.timestampMs << 64n) + origin.offset,
        _deleted: 0,
        _partition: 3,
        _offset: origin.offset,
        _timestamp: origin.timestampMs,
        _schema_id: 42,
      });
    }),
    { numRuns: 100 },
  );
});

test('a message cut off anywhere is a decode error and writes nothing', () => {
  fc.assert(
    fc.property(cases, ({ schema, columns, value }) => {
      const frame = frameOf(schema, value);
      for (let end = 0; end < frame.length; end += frame.length > 300 ? 7 : 1) {
        assert.throws(() => rowOf(schema, columns, frame.subarray(0, end)), DecodeError);
      }
      assert.throws(() => rowOf(schema, columns, Buffer.concat([frame, Buffer.alloc(1)])), DecodeError);
    }),
    { numRuns: 20 },
  );
});

test('a message with any bytes in it is a row or a decode error', () => {
  const bytes = fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 127, 128, 255));
  const changes = fc.array(fc.tuple(fc.nat(), bytes), { minLength: 1, maxLength: 8 });
  const readOrRefused = (schema: StreamSchema, columns: readonly Column[], frame: Buffer) => {
    try {
      rowOf(schema, columns, frame);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
    }
  };
  fc.assert(
    fc.property(
      cases,
      changes,
      fc.uint8Array({ maxLength: 60 }),
      ({ schema, columns, value }, mutations, rubbish) => {
        const frame = frameOf(schema, value);
        for (const [at, byte] of mutations) frame[5 + (at % Math.max(1, frame.length - 5))] = byte;
        readOrRefused(schema, columns, frame);
        readOrRefused(schema, columns, Buffer.concat([Buffer.alloc(5), rubbish]));
      },
    ),
    { numRuns: 150 },
  );
});

// ── Bytes that avsc does not write ─────────────────────────────────────────────────────────────

const listSchema: StreamSchema = {
  type: 'record',
  name: 'L',
  primaryKey: ['a'],
  fields: [{ name: 'a', type: { type: 'array', items: 'long' } }],
};
const nested: StreamSchema = {
  ...listSchema,
  fields: [{ name: 'a', type: { type: 'array', items: { type: 'array', items: ['null', 'string'] } } }],
};

const arrays: readonly (readonly [string, StreamSchema, string, unknown[]])[] = [
  ['in one block', listSchema, '04 02 04 00', [1n, 2n]],
  ['in two blocks', listSchema, '02 02 02 04 00', [1n, 2n]],
  ['in a block with its size', listSchema, '03 04 02 04 00', [1n, 2n]],
  ['in blocks of both kinds', listSchema, '01 02 02 02 04 00', [1n, 2n]],
  ['of nothing', listSchema, '00', []],
  ['of arrays in blocks', nested, '02 02 02 02 61 02 00 00 01 02 00 00', [['a', null], []]],
];
for (const [name, schema, hex, expected] of arrays) {
  test(`an array ${name} is read`, () => {
    const frame = Buffer.concat([Buffer.alloc(5), Buffer.from(hex.replaceAll(' ', ''), 'hex')]);
    assert.deepEqual(rowOf(schema, fieldColumns(schema), frame)['a'], expected);
  });
}

const hostile: readonly (readonly [string, StreamSchema, string])[] = [
  ['a count beyond the bytes', listSchema, 'fe ff ff ff 0f 02 00'],
  ['a count of -2^31', listSchema, 'ff ff ff ff 0f 02 02 00'],
  ['a count of -2^63', listSchema, 'ff ff ff ff ff ff ff ff ff 01 02 02 00'],
  ['an integer without an end', listSchema, 'ff ff ff ff ff ff ff ff ff ff ff ff 01'],
  ['a string longer than the bytes', nested, '02 02 02 7e 61 00 00'],
  ['a string of negative length', nested, '02 02 02 01 61 00 00'],
  ['a union branch of 2', nested, '02 02 04 02 61 00 00'],
  ['a union branch of -1', nested, '02 02 01 02 61 00 00'],
  ['a union branch of 2^32', nested, '02 02 80 80 80 80 20 02 61 00 00'],
];
for (const [name, schema, hex] of hostile) {
  test(`${name} is a decode error`, () => {
    const frame = Buffer.concat([Buffer.alloc(5), Buffer.from(hex.replaceAll(' ', ''), 'hex')]);
    assert.throws(() => rowOf(schema, fieldColumns(schema), frame), DecodeError);
  });
}

// ── Deletes ────────────────────────────────────────────────────────────────────────────────────

const scalar = (name: string, type: AvroType): Column => ({ name, type: columnTypeOf(type) });
const day: AvroType = { type: 'int', logicalType: 'date' };

const deletes: readonly (readonly [string, Column[], Record<string, unknown>])[] = [
  ['cus_1', [scalar('uuid', 'string'), scalar('mrr', ['null', 'long'])], { uuid: 'cus_1', mrr: null }],
  ['a|b', [scalar('uuid', 'string')], { uuid: 'a|b' }],
  [
    'ü',
    [scalar('tags', { type: 'array', items: 'string' }), scalar('uuid', 'string')],
    { tags: [], uuid: 'ü' },
  ],
  ['-9223372036854775808', [scalar('id', 'long')], { id: -(2n ** 63n) }],
  ['9223372036854775807', [scalar('id', 'long')], { id: 2n ** 63n - 1n }],
  [
    '2024-01-31|month',
    [scalar('date', day), scalar('interval', 'string')],
    { date: 19753, interval: 'month' },
  ],
];
const keysOf = (columns: readonly Column[]) =>
  columns.filter(({ type }) => type.kind === 'scalar' && !type.isNullable).map(({ name }) => name);

for (const [key, columns, expected] of deletes) {
  test(`a delete of ${key} is a row with the key ${keysOf(columns).join('|')} and nothing else`, () => {
    const out = new ByteWriter();
    writeTombstone(key, keysOf(columns), columns, origin, out);
    const reader = new RowReader(out.view());
    const { _version, _deleted, _partition, _offset, _timestamp, _schema_id, ...row } = reader.row([
      ...columns,
      ...systemColumns,
    ]);
    assert.equal(reader.at, out.length);
    assert.deepEqual(row, expected);
    assert.deepEqual(
      [_deleted, _partition, _offset, _timestamp, _schema_id],
      [1, 3, origin.offset, origin.timestampMs, 0],
    );
    assert.equal(_version, (origin.timestampMs << 64n) + origin.offset);
  });
}

const wrongKeys: readonly (readonly [string, Column[]])[] = [
  ['9223372036854775808', [scalar('id', 'long')]],
  ['9999999999999999999', [scalar('id', 'long')]],
  ['undefined', [scalar('id', 'long')]],
  ['', [scalar('id', 'long')]],
  ['1.5', [scalar('id', 'long')]],
  ['a|b|c', [scalar('x', 'string'), scalar('y', 'string')]],
  ['a', [scalar('x', 'string'), scalar('y', 'string')]],
  ['a|b', [scalar('x', 'string'), scalar('y', 'long')]],
  ['soon', [scalar('date', day)]],
];
for (const [key, columns] of wrongKeys) {
  test(`the key "${key}" for ${keysOf(columns).join('|')} is a decode error and writes nothing`, () => {
    const out = startedWriter();
    const start = out.length;
    assert.throws(() => writeTombstone(key, keysOf(columns), columns, origin, out), DecodeError);
    assert.equal(out.length, start);
  });
}
