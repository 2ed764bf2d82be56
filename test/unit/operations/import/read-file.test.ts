import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { readRecords, sizeOfFile } from '../../../../operations/import/read-file.ts';
import { delimiterOf } from '../../../../operations/import/read-csv.ts';
import { MAX_RECORD_BYTES } from '../../../../operations/import/read-lines.ts';

const noSignal = new AbortController().signal;

async function read(t: TestContext, name: string, content: string | Buffer) {
  const folder = mkdtempSync(join(tmpdir(), 'import-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, name);
  writeFileSync(path, content);
  const read: (readonly [line: number, outcome: unknown])[] = [];
  let bytes = 0;
  for await (const { line, checked } of readRecords(path, noSignal, (part) => (bytes += part.length)))
    read.push([line, checked.record?.fields ?? checked.faults?.map(({ message }) => message)]);
  return { read, bytes };
}

const ada = '{"object":"customer","external_id":"c1","name":"Ada"}';
const fields = { external_id: 'c1', name: 'Ada' };

const ndjson: readonly (readonly [what: string, content: string | Buffer, expected: unknown])[] = [
  [
    'an NDJSON file',
    `${ada}\n${ada}\n`,
    [
      [1, fields],
      [2, fields],
    ],
  ],
  [
    'a byte-order mark, CRLF, blank lines and no line break at the end',
    `\ufeff${ada}\r\n\r\n  \n${ada}`,
    [
      [1, fields],
      [4, fields],
    ],
  ],
  [
    'text that is not JSON',
    `${ada}\n{"object"\n[1]\n1`,
    [
      [1, fields],
      [2, ['is not JSON']],
      [3, ['must be a JSON object']],
      [4, ['must be a JSON object']],
    ],
  ],
  [
    'bytes that are not UTF-8',
    Buffer.concat([Buffer.from([0x7b, 0xff, 0x0a]), Buffer.from(ada)]),
    [
      [1, ['must be UTF-8']],
      [2, fields],
    ],
  ],
  [
    'a line that is too long',
    `{"a":"${'x'.repeat(MAX_RECORD_BYTES)}"}\n${ada}`,
    [
      [1, [`must be at most ${MAX_RECORD_BYTES} bytes; got ${MAX_RECORD_BYTES + 8}`]],
      [2, fields],
    ],
  ],
];
for (const [what, content, expected] of ndjson) {
  test(`readRecords handles ${what}`, async (t) => {
    const { read: found, bytes } = await read(t, 'a.ndjson', content);
    assert.deepEqual(found, expected);
    assert.equal(bytes, Buffer.byteLength(content));
  });
}

const header = 'the first line must name the columns, and one of them must be object';
const csv: readonly (readonly [what: string, content: string | Buffer, expected: unknown])[] = [
  [
    'quotes, line breaks and a byte-order mark',
    '\ufeffobject,external_id,name\r\ncustomer,c1,"A\r\n""B"", C"\r\n\r\ncustomer,c2,D\r\n',
    [
      [2, { external_id: 'c1', name: 'A\r\n"B", C' }],
      [5, { external_id: 'c2', name: 'D' }],
    ],
  ],
  [
    'blank lines before the header and between records',
    '\n\nobject;external_id;name\n\n\ncustomer;c1;A\n\ncustomer;c2;B\n\n',
    [
      [6, { external_id: 'c1', name: 'A' }],
      [8, { external_id: 'c2', name: 'B' }],
    ],
  ],
  [
    'CRLF within quotes',
    'object,external_id,name\r\ncustomer,c1,"A\r\nB\r\nC"\r\ncustomer,c2,D\r\n',
    [
      [2, { external_id: 'c1', name: 'A\r\nB\r\nC' }],
      [5, { external_id: 'c2', name: 'D' }],
    ],
  ],
  ['semicolons', 'object;external_id;name\ncustomer;c1;"a, b"\n', [[2, { external_id: 'c1', name: 'a, b' }]]],
  ['tabs and blank cells', 'object\texternal_id\tname\temail\ncustomer\tc1\tAda\t\n', [[2, fields]]],
  [
    'a record with too few cells',
    'object,external_id,name\ncustomer,c1\n',
    [[2, ['must have 3 cells, like the header; got 2']]],
  ],
  ['no header', 'customer,c1,Ada\n', [[1, [header]]]],
  [
    'a header with unknown and repeated columns',
    'object,nmae,name,name\n',
    [[1, ['is not a field of any object: did you mean name?', 'occurs twice']]],
  ],
  ['a header with a hostile name', 'object,__proto__\ncustomer,1\n', [[1, ['is not a field of any object']]]],
  [
    'a quote that is never closed',
    'object,name\ncustomer,"a\n',
    [[2, ['is not CSV: a quote is never closed']]],
  ],
  [
    'text after a quote',
    'object,name\ncustomer,"a"b\n',
    [[2, ['is not CSV: a character follows a closing quote']]],
  ],
  [
    'Latin-1',
    Buffer.from('object,external_id,name\ncustomer,c1,J\xf6rg\n', 'latin1'),
    [[2, ['must be UTF-8']]],
  ],
];
for (const [what, content, expected] of csv) {
  test(`readRecords handles CSV with ${what}`, async (t) => {
    assert.deepEqual((await read(t, 'a.csv', content)).read, expected);
  });
}

test('a file without a known extension is NDJSON if it begins with a brace, otherwise CSV', async (t) => {
  assert.deepEqual((await read(t, 'data', `\n ${ada}`)).read, [[2, fields]]);
  assert.deepEqual((await read(t, 'data', 'object,external_id,name\ncustomer,c1,Ada')).read, [[2, fields]]);
});

test('delimiterOf returns the most frequent of comma, semicolon and tab, or a comma', () => {
  assert.deepEqual(['a,b;c,d', 'a;b', 'a\tb\tc;d', 'a'].map(delimiterOf), [',', ';', '\t', ',']);
});

test('sizeOfFile rejects a missing file and a folder', () => {
  assert.throws(
    () => sizeOfFile('/no/such/file'),
    /FILE must be an existing file; \/no\/such\/file does not exist/,
  );
  assert.throws(() => sizeOfFile(tmpdir()), /FILE must be a regular file, because it is read twice; got /);
});
