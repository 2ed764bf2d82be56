import assert from 'node:assert/strict';
import test from 'node:test';
import { ResultCounter } from '../../../../operations/query/result-counter.ts';
import { rowsText } from '../../../../operations/query/rows-text.ts';

const columns = [
  { name: 'plan', type: 'Nullable(String)' },
  { name: 'mrr', type: 'Nullable(Int64)' },
];
const result = (...rows: readonly (readonly (string | null)[])[]) => ({ columns, rows, isTruncated: false });

test('rowsText returns a table if it fits: numbers right-aligned, control characters escaped', () => {
  assert.equal(
    rowsText(result(['Pro', '1200'], ['a\u001b[2J\nb', null]), 80),
    ['plan                mrr', '─'.repeat(23), 'Pro                1200', 'a\\u001b[2J\\u000ab  NULL'].join(
      '\n',
    ),
  );
  assert.equal(rowsText(result(), 80), 'plan  mrr\n─────────');
});

test('rowsText shows one line per value if the rows are too wide', () => {
  const text = rowsText(result(['x'.repeat(60), '1'], ['y', null]), 20);
  assert.equal(
    text,
    ['─ row 1 ', `plan  ${'x'.repeat(60)}`, 'mrr   1', '─ row 2 ', 'plan  y', 'mrr   NULL'].join('\n'),
  );
});

for (const [format, text, rows] of [
  ['CSVWithNames', '"a"\n1\n"x\ny""\n"\n', 2],
  ['CSV', '1\n2\n', 2],
  ['TabSeparatedWithNames', 'a\n1\n', 1],
  ['TSVWithNamesAndTypes', 'a\nInt8\n', 0],
  ['JSONEachRow', '{"a":1}\n{"a":2}\n', 2],
  ['JSON', '{\n\t"data": [{"a": "\\"rows\\": 9"}],\n\n\t"rows": 1,\n\n\t"statistics": {}\n}\n', 1],
  ['Parquet', 'PAR1\n', undefined],
] as const) {
  test(`ResultCounter counts the rows of ${format} in chunks of any size`, () => {
    const counter = new ResultCounter(format);
    counter.resume();
    for (const byte of Buffer.from(text)) counter.write(Buffer.of(byte));
    counter.end();
    assert.deepEqual([counter.rows, counter.bytes], [rows, Buffer.byteLength(text)]);
  });
}
