import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { ServiceRefusedError } from '../../../../core/errors.ts';
import { linesOf, MAX_LINE_BYTES } from '../../../../operations/query/result-lines.ts';
import { readRows, type CellText } from '../../../../operations/query/result-rows.ts';

const limit = { rows: 10, bytes: 1_000 };

function answerOf(...chunks: readonly (string | Buffer)[]): Readable {
  return Readable.from(chunks.map((chunk) => Buffer.from(chunk)));
}

const cells: readonly (readonly [what: string, line: string, cells: readonly CellText[]])[] = [
  [
    'numbers of any length',
    '[1, -2.50, 18446744073709551616, 1e999]',
    ['1', '-2.50', '18446744073709551616', '1e999'],
  ],
  ['null and empty text', '[null, "", "null"]', [null, '', 'null']],
  ['no columns', '[]', []],
  [
    'commas, brackets and quotes in strings',
    String.raw`["a,b", "]{\"", "\\", "\\\""]`,
    ['a,b', ']{"', '\\', '\\"'],
  ],
  [
    'lists and objects as JSON',
    '[[1,[2,"]"]], {"a":[1,{"b":"}"}]}, true]',
    ['[1,[2,"]"]]', '{"a":[1,{"b":"}"}]}', 'true'],
  ],
  ['characters beyond 16 bits', '["😀", ["é"]]', ['😀', '["é"]']],
];
for (const [what, line, expected] of cells) {
  test(`readRows reads ${what}`, async () => {
    const { rows } = await readRows(answerOf(`["c"]\n["String"]\n${line}\n`), limit);
    assert.deepEqual(rows, [expected]);
  });
}

test('readRows reads rows in chunks of any size', async () => {
  const bytes = Buffer.from('["ä"]\n["String"]\n["😀,"]\n[null]');
  for (let size = 1; size < 9; size++) {
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
      bytes.subarray(at * size, (at + 1) * size),
    );
    const { columns, rows, isTruncated } = await readRows(answerOf(...chunks), limit);
    assert.deepEqual(
      { columns, rows, isTruncated },
      {
        columns: [{ name: 'ä', type: 'String' }],
        rows: [['😀,'], [null]],
        isTruncated: false,
      },
    );
  }
});

test('readRows rejects lines that are not lists', async () => {
  for (const line of ['{}', '1', '[1', '[1}]', '[1,]', '["a]', '["\\"]', '[]]'])
    await assert.rejects(readRows(answerOf(`["c"]\n["String"]\n${line}\n`), limit), SyntaxError, line);
});

test('readRows ends the response when a limit is reached', async () => {
  const line = `[${'1'.repeat(98)}]\n`;
  const answer = answerOf('["c"]\n["String"]\n', line.repeat(100));
  const { rows, isTruncated } = await readRows(answer, { rows: 50, bytes: 1_000 });
  assert.deepEqual([rows.length, isTruncated, answer.destroyed], [10, true, true]);
});

test('readRows fails when the response fails', async () => {
  const answer = new Readable({ read: () => undefined });
  answer.push('["c"]\n["String"]\n[1]\n');
  const rows = readRows(answer, limit);
  answer.destroy(new Error('cut off'));
  await assert.rejects(rows, /cut off/);
});

test('linesOf rejects an endless line soon after its limit', async () => {
  let chunks = 0;
  const answer = new Readable({
    read() {
      chunks += 1;
      this.push(Buffer.alloc(1024 * 1024, 'a'));
    },
  });
  await assert.rejects(linesOf(answer).next(), (error) => {
    assert.ok(error instanceof ServiceRefusedError);
    assert.match(error.message, /^a row of the result is larger than 8 MiB; select fewer columns/);
    return true;
  });
  assert.ok(chunks <= MAX_LINE_BYTES / 1024 / 1024 + 2, String(chunks));
  assert.ok(answer.destroyed);
});
