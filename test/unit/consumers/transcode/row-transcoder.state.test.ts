import assert from 'node:assert/strict';
import test from 'node:test';
import { parseWriterSchema } from '../../../../consumers/schema/writer-schema.ts';
import type { Column } from '../../../../consumers/column/column-type.ts';
import { compileRowTranscoder, type RowTranscoder } from '../../../../consumers/transcode/compile.ts';
import { RowBuffer } from '../../../../consumers/transcode/row-buffer.ts';
import { DecodeError } from '../../../../core/errors.ts';
import { varint } from '../../../fixtures/avro-encoder.ts';
import type { Schema, SchemaField } from '../../../fixtures/avro-schemas.ts';
import { columnsOf, typeOf } from '../../../fixtures/tables.ts';

// A message must leave no state in the transcoder for the next message.

function transcoderOf(fields: readonly SchemaField[], columns?: readonly Column[]): RowTranscoder {
  const schema = parseWriterSchema(JSON.stringify({ type: 'record', name: 'T', fields }), 'schema');
  return compileRowTranscoder(schema, columns ?? columnsOf(schema), []);
}

const field = (type: Schema): SchemaField[] => [{ name: 'a', type }];

test('rows are adjacent even if messages between them are rejected', () => {
  const { transcode } = transcoderOf(field(['null', 'string']));
  const out = new RowBuffer(1);
  const text = (value: string) =>
    Buffer.concat([Buffer.from([2]), varint(BigInt(value.length)), Buffer.from(value)]);
  transcode(text('first'), 0, out);
  assert.throws(() => transcode(Buffer.from([2, 20, 97]), 0, out), DecodeError);
  transcode(text('x'.repeat(1000)), 0, out);
  assert.throws(() => transcode(Buffer.from([4]), 0, out), DecodeError);
  transcode(Buffer.from([0]), 0, out);
  const rows = out.bytes.toString('latin1', 0, out.length);
  assert.equal(rows, `\0\x05first\0\xe8\x07${'x'.repeat(1000)}\x01`);
});

test('a message is read from its start offset', () => {
  const out = new RowBuffer();
  transcoderOf(field('int')).transcode(Buffer.from([9, 9, 9, 2]), 3, out);
  assert.equal(out.bytes.toString('hex', 0, out.length), '01000000');
  assert.throws(() => transcoderOf(field('int')).transcode(Buffer.from([2]), 5, out), DecodeError);
});

test('one transcoder writes into several buffers in turn', () => {
  const { transcode } = transcoderOf(field('string'));
  const [first, second] = [new RowBuffer(1), new RowBuffer(1)];
  for (const out of [first, second, first]) transcode(Buffer.from([2, 97]), 0, out);
  assert.equal(first.bytes.toString('latin1', 0, first.length), '\x01a\x01a');
  assert.equal(second.bytes.toString('latin1', 0, second.length), '\x01a');
});

test('limits apply to each message separately', () => {
  const empties = transcoderOf(field({ type: 'array', items: 'null' }));
  const chain = { type: 'record', name: 'Chain', fields: [{ name: 'next', type: ['null', 'Chain'] }] };
  const chains = transcoderOf(field(chain));
  const long = transcoderOf(field(['string', { type: 'map', values: 'bytes' }]));
  const out = new RowBuffer();
  for (let message = 0; message < 3; message++) {
    empties.transcode(Buffer.concat([varint(65_536n), varint(0n)]), 0, out);
    chains.transcode(Buffer.concat([Buffer.alloc(200, 2), Buffer.from([0])]), 0, out);
    assert.throws(() => chains.transcode(Buffer.alloc(300, 2), 0, out), DecodeError);
    long.transcode(Buffer.concat([varint(0n), varint(2n ** 25n), Buffer.alloc(2 ** 25, 97)]), 0, out);
    out.length = 0;
  }
});

test('the count of an array in two blocks may take more bytes than the count of its first block', () => {
  const { transcode } = transcoderOf(field({ type: 'array', items: 'boolean' }));
  for (const total of [1, 127, 128, 16_383, 16_384, 2 ** 21 - 1, 2 ** 21]) {
    for (const first of [1, Math.min(total, 127), Math.min(total, 128), total]) {
      const rest = total - first;
      const blocks = [varint(BigInt(first)), Buffer.alloc(first, 1)];
      if (rest > 0) blocks.push(varint(BigInt(rest)), Buffer.alloc(rest, 1));
      const out = new RowBuffer(1);
      transcode(Buffer.concat([...blocks, varint(0n)]), 0, out);
      const sizes = [2 ** 7, 2 ** 14, 2 ** 21].filter((limit) => total >= limit).length + 1;
      assert.equal(out.length, sizes + total);
      assert.equal(out.bytes[sizes - 1], Math.floor(total / 128 ** (sizes - 1)));
      assert.ok(out.bytes.subarray(sizes, out.length).every((byte) => byte === 1));
    }
  }
});

test('the buffer has space for the larger branch of every union', () => {
  const fields = Array.from({ length: 10 }, (_, index) => ({
    name: `f${index}`,
    type: ['null', { type: 'fixed', name: `F${index}`, size: 60 }],
  }));
  const columns = fields.map(({ name }) => ({ name, type: typeOf('Nullable(FixedString(60))') }));
  for (let initialBytes = 0; initialBytes < 700; initialBytes += 50) {
    const out = new RowBuffer(initialBytes);
    const message = Buffer.concat(fields.map(() => Buffer.alloc(61, 2)));
    transcoderOf(fields, columns).transcode(message, 0, out);
    assert.equal(out.length, 610);
    assert.equal(out.bytes.toString('hex', 0, 610), `00${'02'.repeat(60)}`.repeat(10));
  }
});
