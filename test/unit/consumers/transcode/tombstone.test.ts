import assert from 'node:assert/strict';
import test from 'node:test';
import type { Column } from '../../../../consumers/column/column-type.ts';
import { RowBuffer } from '../../../../consumers/transcode/row-buffer.ts';
import { MessageKeys } from '../../../../consumers/stream/message-keys.ts';
import { writeTombstone } from '../../../../consumers/transcode/tombstone.ts';
import { DecodeError } from '../../../../core/errors.ts';
import { typeOf } from '../../../fixtures/tables.ts';
import { FakeRegistry } from '../../../helpers/fake-registry.ts';

const table = (columns: Readonly<Record<string, string>>): Column[] =>
  Object.entries(columns).map(([name, text]) => ({ name, type: typeOf(text) }));

const keys = new MessageKeys(new FakeRegistry(), 't.mine-key');
const partsOf = (key: string, primaryKey: readonly string[]) => {
  const parts = keys.partsOf(Buffer.from(key), primaryKey, false);
  assert.ok(typeof parts !== 'number');
  return parts;
};

const deletes: readonly (readonly [
  key: string,
  primaryKey: string[],
  Record<string, string>,
  row: string,
])[] = [
  ['cus_1', ['uuid'], { uuid: 'String', mrr: 'Nullable(Int64)' }, '05 6375735f31 01'],
  ['a|b', ['uuid'], { uuid: 'String' }, '03 617c62'],
  ['ü', ['uuid'], { tags: 'Array(String)', uuid: 'LowCardinality(String)' }, '00 02c3bc'],
  ['', ['uuid'], { uuid: 'String' }, '00'],
  ['-9223372036854775808', ['id'], { id: 'Int64' }, '0000000000000080'],
  ['9223372036854775807', ['id'], { id: 'Int64' }, 'ffffffffffffff7f'],
  [
    '2024-01-31|month',
    ['date', 'interval'],
    { date: 'Date32', interval: 'String' },
    '294d0000 05 6d6f6e7468',
  ],
  [
    'month|2024-01-31',
    ['interval', 'date'],
    { date: 'Date32', interval: 'String' },
    '294d0000 05 6d6f6e7468',
  ],
  [
    'a',
    ['k'],
    {
      v: 'Variant(Bool, String)',
      k: 'String',
      e: "Enum8('x' = -3, 'y' = 1)",
      t: 'Tuple(a Nullable(Int8), b UUID)',
      d: 'Decimal(9, 2)',
    },
    `ff 0161 fd 01 ${'00'.repeat(16)} 00000000`,
  ],
];
for (const [key, primaryKey, columns, row] of deletes) {
  test(`a delete of "${key}" becomes a row with only the key ${primaryKey.join('|')}`, () => {
    const out = new RowBuffer(1);
    writeTombstone(partsOf(key, primaryKey), primaryKey, table(columns), out);
    assert.equal(out.bytes.toString('hex', 0, out.length), row.replaceAll(' ', ''));
  });
}

const wrongKeys: readonly (readonly [key: string, primaryKey: string[], Record<string, string>])[] = [
  ['9223372036854775808', ['id'], { id: 'Int64' }],
  ['9999999999999999999', ['id'], { id: 'Int64' }],
  ['undefined', ['id'], { id: 'Int64' }],
  ['', ['id'], { id: 'Int64' }],
  ['1.5', ['id'], { id: 'Int64' }],
  ['a|b|c', ['x', 'y'], { x: 'String', y: 'String' }],
  ['a', ['x', 'y'], { x: 'String', y: 'String' }],
  ['a|b', ['x', 'y'], { x: 'String', y: 'Int64' }],
  ['soon', ['date'], { date: 'Date32' }],
  ['2024-13-01', ['date'], { date: 'Date32' }],
  ['2024-02-30', ['date'], { date: 'Date32' }],
  ['2023-02-29', ['date'], { date: 'Date32' }],
  ['1', ['id'], { id: 'Float64' }],
];
for (const [key, primaryKey, columns] of wrongKeys) {
  test(`the key "${key}" for ${primaryKey.join('|')} causes a decode error and writes nothing`, () => {
    const out = new RowBuffer(4);
    out.reserve(3).write('abc');
    out.length = 3;
    assert.throws(
      () => writeTombstone(partsOf(key, primaryKey), primaryKey, table(columns), out),
      DecodeError,
    );
    assert.equal(out.length, 3);
    assert.equal(out.bytes.toString('utf8', 0, 3), 'abc');
  });
}

test('a buffer at least doubles when it grows, and keeps its bytes', () => {
  const out = new RowBuffer(8);
  out.reserve(8).fill(7);
  out.length = 8;
  assert.equal(out.reserve(0), out.bytes);
  assert.equal(out.reserve(1).length, 16);
  assert.deepEqual(
    [...out.bytes.subarray(0, 8)],
    Array.from({ length: 8 }, () => 7),
  );
  assert.equal(out.view.byteLength, 16);
  assert.equal(out.reserve(1000).length, 1008);
});
