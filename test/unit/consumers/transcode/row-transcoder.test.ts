import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { Column } from '../../../../consumers/column/column-type.ts';
import { compileRowTranscoder } from '../../../../consumers/transcode/compile.ts';
import { RowBuffer } from '../../../../consumers/transcode/row-buffer.ts';
import { parseWriterSchema } from '../../../../consumers/schema/writer-schema.ts';
import type { WriterSchema } from '../../../../consumers/schema/writer-type.ts';
import { FRAME_BYTES } from '../../../../core/avro/wire-format.ts';
import { DecodeError } from '../../../../core/errors.ts';
import { encode } from '../../../fixtures/avro-encoder.ts';
import {
  namesOf,
  scalarSchemas,
  schemaOfField,
  valuesOf,
  type Schema,
  type SchemaField,
  type SchemaObject,
} from '../../../fixtures/avro-schemas.ts';
import { framed, messageCases } from '../../../fixtures/messages.ts';
import { columnsOf, existingTypes, typeOf, widenedOr } from '../../../fixtures/tables.ts';
import { assertRows, rowOf } from '../../../fixtures/row-binary.ts';

const before = Buffer.from('written before');

/** Writes a message's row after existing bytes, which must not change, and returns the row. */
function transcoded(schema: WriterSchema, columns: readonly Column[], frame: Buffer): Buffer {
  const out = new RowBuffer(before.length);
  before.copy(out.reserve(before.length), 0);
  out.length = before.length;
  const { transcode } = compileRowTranscoder(schema, columns, []);
  try {
    transcode(frame, FRAME_BYTES, out);
  } catch (error) {
    assert.equal(out.length, before.length, 'the invalid message wrote bytes');
    throw error;
  } finally {
    assert.ok(out.bytes.subarray(0, before.length).equals(before), 'existing bytes were overwritten');
  }
  return out.bytes.subarray(before.length, out.length);
}

test('every message becomes the expected row in any table that is wide enough', () => {
  fc.assert(
    fc.property(messageCases, ({ json, names, schema, columns, value, avro }) => {
      const row = transcoded(schema, columns, framed(avro));
      assert.deepEqual(row.toString('hex'), rowOf(columns, json.fields ?? [], value, names).toString('hex'));
      assertRows(columns, row);
    }),
    { numRuns: 400 },
  );
});

test('a widened column accepts the values that it was widened for', () => {
  let pairs = 0;
  for (const type of scalarSchemas.flatMap((scalar): Schema[] => [scalar, ['null', scalar]])) {
    const json = schemaOfField(type);
    const names = namesOf(json);
    const schema = parseWriterSchema(JSON.stringify(json), 'schema');
    const [column] = columnsOf(schema);
    assert.ok(column);
    const values = fc.sample(valuesOf(json, names), { numRuns: 4, seed: 7 });
    for (const have of existingTypes) {
      const wide = widenedOr(typeOf(have), column.type);
      if (wide === undefined) continue;
      pairs++;
      const columns = [{ name: 'a', type: wide }];
      for (const value of values) {
        const avro = encode(json, value, names, () => 0);
        const row = transcoded(schema, columns, framed(avro));
        const wanted = rowOf(columns, json.fields ?? [], value, names);
        assert.equal(row.toString('hex'), wanted.toString('hex'), `${JSON.stringify(type)} in ${wide.text}`);
      }
    }
  }
  assert.ok(pairs > 500, String(pairs));
});

test('a record compiled into several functions becomes the expected row in any column order', () => {
  const points = { type: 'array', items: { type: 'record', name: 'Wide', fields: manyFields(40, 1) } };
  const json: SchemaObject = {
    type: 'record',
    name: 'Top',
    fields: [...manyFields(30, 0), { name: 'points', type: points }, ...manyFields(70, 0).slice(30)],
  };
  const names = namesOf(json);
  const schema = parseWriterSchema(JSON.stringify(json), 'schema');
  const columns = columnsOf(schema);
  const orders = fc.oneof(fc.constant(columns), fc.shuffledSubarray(columns, { minLength: columns.length }));
  fc.assert(
    fc.property(orders, valuesOf(json, names), (order, value) => {
      const row = transcoded(schema, order, framed(encode(json, value, names, () => 1)));
      assert.equal(row.toString('hex'), rowOf(order, json.fields ?? [], value, names).toString('hex'));
    }),
    { numRuns: 20 },
  );
});

/** Returns fields that cycle through the unnamed scalar types. */
function manyFields(count: number, offset: number): SchemaField[] {
  const types = scalarSchemas.filter((type) => typeof type === 'string' || !('name' in type));
  return Array.from({ length: count }, (_, index) => {
    const type = types[(index + offset) % types.length] ?? 'null';
    return { name: `f${index}`, type: index % 3 === 0 ? ['null', type] : type };
  });
}

test('a message cut off anywhere causes a decode error and writes nothing', () => {
  fc.assert(
    fc.property(messageCases, ({ schema, columns, avro }) => {
      const frame = framed(avro);
      for (let end = FRAME_BYTES; end < frame.length; end += frame.length > 200 ? 11 : 1) {
        assert.throws(() => transcoded(schema, columns, frame.subarray(0, end)), DecodeError);
      }
      assert.throws(() => transcoded(schema, columns, Buffer.concat([frame, Buffer.alloc(1)])), DecodeError);
    }),
    { numRuns: 30 },
  );
});

test('any sequence of bytes becomes a row or causes a decode error', () => {
  const bytes = fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 127, 128, 255));
  const changes = fc.array(fc.tuple(fc.nat(), bytes), { minLength: 1, maxLength: 8 });
  const readOrRefused = (schema: WriterSchema, columns: readonly Column[], avro: Buffer) => {
    let rows: Buffer;
    try {
      rows = transcoded(schema, columns, framed(avro));
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      return;
    }
    assertRows(columns, rows);
  };
  fc.assert(
    fc.property(
      messageCases,
      changes,
      fc.uint8Array({ maxLength: 60 }),
      ({ schema, columns, avro }, mutations, rubbish) => {
        for (const [at, byte] of mutations) if (avro.length > 0) avro[at % avro.length] = byte;
        readOrRefused(schema, columns, avro);
        readOrRefused(schema, columns, Buffer.from(rubbish));
      },
    ),
    { numRuns: 300 },
  );
});
