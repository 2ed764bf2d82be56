import assert from 'node:assert/strict';
import test from 'node:test';
import avro from 'avsc';
import fc from 'fast-check';
import { FRAME_BYTES, framed, schemaIdOf } from '../../../../core/avro/wire-format.ts';
import { ByteWriter } from '../../../../core/avro/byte-writer.ts';
import { DecodeError } from '../../../../core/errors.ts';

function bytesOf(write: (out: ByteWriter) => void): Buffer {
  const out = new ByteWriter();
  write(out);
  return out.view();
}

/** Reference implementation of LEB128. */
function leb128(value: bigint): number[] {
  return value < 128n ? [Number(value)] : [Number(value & 127n) | 128, ...leb128(value >> 7n)];
}

const edges = [
  0n,
  1n,
  63n,
  64n,
  127n,
  128n,
  2n ** 31n,
  2n ** 32n,
  2n ** 51n,
  2n ** 52n,
  2n ** 53n - 1n,
  2n ** 63n - 1n,
];
const int64 = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(...edges.flatMap((edge) => [edge, -edge, -edge - 1n])),
);

test('zigZag encodes an integer as zig-zag LEB128, whether it is a number or a bigint', () => {
  fc.assert(
    fc.property(int64, (value) => {
      const expected = Buffer.from(leb128(value >= 0n ? value * 2n : -value * 2n - 1n));
      assert.deepEqual(
        bytesOf((out) => out.zigZag(value)),
        expected,
      );
      if (Number.isSafeInteger(Number(value)))
        assert.deepEqual(
          bytesOf((out) => out.zigZag(Number(value))),
          expected,
        );
    }),
    { numRuns: 1000 },
  );
});

test('varint encodes every count as LEB128', () => {
  const counts = fc.oneof(
    fc.maxSafeNat(),
    fc.constantFrom(0, 127, 128, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53 - 1),
  );
  fc.assert(
    fc.property(counts, (value) =>
      assert.deepEqual(
        bytesOf((out) => out.varint(value)),
        Buffer.from(leb128(BigInt(value))),
      ),
    ),
  );
});

test('avroString writes the same bytes as avsc', () => {
  const type = avro.Type.forSchema('string');
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 3000 }), (text) => {
      assert.deepEqual(
        bytesOf((out) => out.avroString(text)),
        type.toBuffer(text),
      );
    }),
  );
});

test('written bytes survive growth of the buffer, and truncated bytes are dropped', () => {
  const out = new ByteWriter();
  for (let at = 0; at < 5000; at++) out.double(at);
  out.truncate(16);
  out.bytes(Buffer.from('xaby'), 1, 3);
  out.sizedBytes(Buffer.from('xcdy'), 1, 3);
  out.double(-0);
  const expected = '0000000000000000' + '000000000000f03f' + '6162' + '026364' + '0000000000000080';
  assert.equal(out.view().toString('hex'), expected);
  const copy = Buffer.alloc(out.length + 1);
  out.copyTo(copy, 1);
  assert.deepEqual(copy.subarray(1), out.view());
});

test('framed writes a header with the schema id before the Avro bytes', () => {
  for (const id of [0, 1, 65_536, 2 ** 31 - 1, 2 ** 32 - 1]) {
    const avro = new ByteWriter();
    avro.avroString('xy');
    const frame = framed(id, avro);
    assert.equal(frame.length, FRAME_BYTES + 3);
    assert.deepEqual(frame.subarray(FRAME_BYTES), avro.view());
    assert.equal(schemaIdOf(frame), id);
  }
});

for (const hex of ['', '00', '00000000', '0100000001', '7b22613a31']) {
  test(`schemaIdOf rejects the bytes "${hex}"`, () =>
    assert.throws(() => schemaIdOf(Buffer.from(hex, 'hex')), DecodeError));
}
