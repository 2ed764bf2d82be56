import assert from 'node:assert/strict';
import test from 'node:test';
import { shortNumber } from '../../../../core/terminal/amounts.ts';
import { firstFitting, textTable, type Cell, type Column } from '../../../../core/terminal/columns.ts';

const columnsOf = (...heads: string[]): Column<readonly Cell[]>[] =>
  heads.map((head, at) => ({ head, of: (row) => row[at] ?? '' }));

test('textTable right-aligns number columns and left-aligns text columns', () => {
  const rows = [
    ['a', 1, 'x'],
    ['long', 12_345, 'y'],
    ['é', 0.25, 'z'],
    ['none', '–', ''],
  ];
  assert.equal(
    textTable(columnsOf('name', 'count', ''), rows),
    ['name   count', 'a          1  x', 'long  12,345  y', 'é        0.3  z', 'none       –'].join('\n'),
  );
});

test('textTable returns only the header if there are no rows', () =>
  assert.equal(textTable(columnsOf('a', 'b'), []), 'a  b'));

test('firstFitting returns the first text that fits, or else the last one', () => {
  const texts = ['12345\n1', '1234', '123'];
  assert.equal(firstFitting(9, texts), '12345\n1');
  assert.equal(firstFitting(4, texts), '1234');
  assert.equal(firstFitting(1, texts), '123');
});

const shortNumbers = [
  [0, '0'],
  [0.25, '0.3'],
  [142.5, '143'],
  [999, '999'],
  [1_000, '1.0k'],
  [9_949n, '9.9k'],
  [9_950, '10k'],
  [999_499, '999k'],
  [999_500, '1.0M'],
  [1_234_567_890n, '1.2G'],
  [5e15, '5000T'],
] as const;
for (const [value, text] of shortNumbers)
  test(`shortNumber formats ${value} as ${text}`, () => assert.equal(shortNumber(value), text));
