import assert from 'node:assert/strict';
import test from 'node:test';
import { firstStatement, oneLine } from '../../../../../operations/query/prompt/statement.ts';

for (const [text, sql, rest] of [
  ['SELECT 1;', 'SELECT 1', ''],
  ['SELECT 1; SELECT 2', 'SELECT 1', 'SELECT 2'],
  [';', '', ''],
  ["SELECT ';';", "SELECT ';'", ''],
  [String.raw`SELECT 'it\';s';`, String.raw`SELECT 'it\';s'`, ''],
  ["SELECT 'it'';s';", "SELECT 'it'';s'", ''],
  ['SELECT `a;b`, "c;d";', 'SELECT `a;b`, "c;d"', ''],
  ['SELECT 1 -- why; really\n;', 'SELECT 1 -- why; really', ''],
  ['SELECT 1 /* a; b */;', 'SELECT 1 /* a; b */', ''],
  ['SELECT 1 # a; b\n;', 'SELECT 1 # a; b', ''],
] as const) {
  test(`firstStatement ends ${JSON.stringify(text)} at its semicolon`, () => {
    assert.deepEqual(firstStatement(text), { sql, rest });
  });
}

for (const text of [
  '',
  'SELECT 1',
  "SELECT ';",
  'SELECT `;',
  'SELECT /* ;',
  'SELECT -- ;',
  "SELECT 'a\n;\n",
]) {
  test(`firstStatement waits for more after ${JSON.stringify(text)}`, () => {
    assert.equal(firstStatement(text), undefined);
  });
}

for (const [text, line] of [
  ['SELECT\n  1,\n\t2', 'SELECT 1, 2'],
  ['SELECT 1 -- why\nFROM t', 'SELECT 1 /* why */ FROM t'],
  ['SELECT 1 --\nFROM t', 'SELECT 1 FROM t'],
  ['SELECT 1 # a */ b', 'SELECT 1 /* a * / b */'],
] as const) {
  test(`oneLine writes ${JSON.stringify(text)} on one line`, () => {
    assert.equal(oneLine(text), line);
  });
}
