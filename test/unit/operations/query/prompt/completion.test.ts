import assert from 'node:assert/strict';
import test from 'node:test';
import { complete } from '../../../../../operations/query/prompt/completion.ts';
import { parseCommand } from '../../../../../operations/query/prompt/commands.ts';
import { isKept } from '../../../../../operations/query/prompt/history.ts';

const table = (name: string, ...columns: readonly string[]) => ({
  name,
  kind: 'view' as const,
  columns: columns.map((column) => ({ name: column, type: 'String', comment: '' })),
});
const words = {
  tables: [table('customers', 'uuid', 'mrr'), table('customer_tags', 'tag'), table('plans', 'uuid', 'name')],
  vocabulary: {
    functions: ['sum', 'sumIf', 'toDate'].map((name) => ({ name, syntax: '', about: '' })),
    keywords: ['SELECT', 'FROM', 'SUM'],
  },
};

test('complete accepts a table name that contains a parenthesis', () => {
  const odd = { ...words, tables: [...words.tables, table('a(', 'x')] };
  assert.deepEqual(complete('SELECT mr FROM `a(` JOIN customers WHERE mr', '', odd), [['mrr'], 'mr']);
});

for (const [line, hits, word] of [
  ['SELECT * FROM cus', ['customers', 'customer_tags'], 'cus'],
  ['select * from ', ['customers', 'customer_tags', 'plans'], ''],
  ['SELECT 1 FROM customers JOIN pl', ['plans'], 'pl'],
  ['\\d cu', ['customers', 'customer_tags'], 'cu'],
  ['describe pl', ['plans'], 'pl'],
  ['SELECT customers.', ['customers.uuid', 'customers.mrr'], 'customers.'],
  ['SELECT c.m FROM customers AS c WHERE c.m', ['c.mrr'], 'c.m'],
  ['SELECT x.', [], 'x.'],
  ['SELECT 1 FROM customers WHERE ', ['uuid', 'mrr'], ''],
  ['SELECT 1 FROM customers WHERE mr', ['mrr'], 'mr'],
  ['SELECT sumi', ['sumIf('], 'sumi'],
  ['sel', ['select'], 'sel'],
  ['SEL', ['SELECT'], 'SEL'],
  ['\\f', ['\\format'], '\\f'],
  ['SELECT zzz', [], 'zzz'],
] as const) {
  test(`complete offers ${hits.join(', ') || 'nothing'} after "${line}"`, () => {
    assert.deepEqual(complete(line, '', words), [[...hits], word]);
  });
}

test('complete offers the columns of tables in earlier lines', () => {
  assert.deepEqual(complete('WHERE ta', 'SELECT 1 FROM customer_tags', words)[0], ['tag']);
});

for (const [line, name, argument] of [
  ['\\d', '\\d', ''],
  ['\\d customers;', '\\d', 'customers'],
  ['DESCRIBE customers', '\\d', 'customers'],
  ['desc `plans`;', '\\d', 'plans'],
  ['quit', '\\q', ''],
  ['help;', '\\help', ''],
  ['\\format CSV', '\\format', 'CSV'],
  ['\\nothing x', undefined, 'x'],
] as const) {
  test(`parseCommand reads "${line}"`, () => {
    assert.deepEqual(parseCommand(line), { name, argument });
  });
}

for (const line of ['SELECT 1;', 'DESCRIBE TABLE customers', 'describe (SELECT 1)', '']) {
  test(`parseCommand finds no command in "${line}"`, () => {
    assert.equal(parseCommand(line), undefined);
  });
}

for (const [line, kept] of [
  ['SELECT 1;', true],
  [' SELECT 1;', false],
  ['', false],
  ["SELECT * FROM s3('x', 'key', 'SECRET');", false],
  ["CREATE USER x IDENTIFIED BY 'y';", false],
] as const) {
  test(`the history ${kept ? 'keeps' : 'does not keep'} "${line}"`, () => {
    assert.equal(isKept(line), kept);
  });
}
