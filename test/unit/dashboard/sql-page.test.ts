import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SqlNames, SqlResult } from '../../../dashboard/api/sql.ts';
import { suggestionsFor } from '../../../dashboard/pages/sql/editor/suggestions.ts';
import { errorPosition, lineAndColumn } from '../../../dashboard/pages/sql/error-position.ts';
import { chartDataOf, fits, isNumeric, likelyChart } from '../../../dashboard/pages/sql/result-chart-data.ts';

const column = (name: string, type = 'String') => ({ name, type, comment: '' });
const names: SqlNames = {
  tables: [
    { name: 'customers', kind: 'view', columns: [column('uuid'), column('mrr', 'Int64')] },
    { name: 'plans', kind: 'view', columns: [column('uuid'), column('interval_unit')] },
  ],
  functions: [{ name: 'max', syntax: 'max(x)', about: 'The maximum.' }],
  keywords: ['SELECT'],
};

function labels(sql: string): readonly string[] {
  const at = sql.indexOf('|');
  const found = suggestionsFor(names, sql.replace('|', ''), sql.slice(0, at));
  return found?.list.map(({ label }) => label) ?? [];
}

test('suggestions are columns of the named tables, then tables, functions and keywords', () => {
  const others = ['customers', 'plans', 'max', 'SELECT'];
  const cases: readonly (readonly [sql: string, labels: readonly string[]])[] = [
    ['SELECT m| FROM customers', ['uuid', 'mrr', ...others]],
    ['SELECT m|', others],
    ['SELECT m| FROM customers_raw', others],
    ['SELECT i| FROM customers JOIN plans USING uuid', ['uuid', 'mrr', 'interval_unit', ...others]],
    ['SELECT customers.| FROM customers', ['uuid', 'mrr']],
    ['SELECT p.int| FROM plans AS p', ['uuid', 'interval_unit']],
    ['SELECT p.| FROM customers, plans p', ['uuid', 'interval_unit']],
    ['SELECT q.| FROM plans AS p', []],
    ['SELECT |', []],
    ['SELECT 1.|', []],
  ];
  for (const [sql, expected] of cases) assert.deepEqual(labels(sql), expected, sql);
});

test('suggestionsFor accepts a table name that contains a parenthesis', () => {
  const odd = { ...names, tables: [...names.tables, { name: 'a(', kind: 'table' as const, columns: [] }] };
  const found = suggestionsFor(odd, 'SELECT m FROM `a(`', 'SELECT m');
  assert.ok(found?.list.some(({ label }) => label === 'a('));
});

test('errorPosition uses the byte position or the unknown name in the message', () => {
  const cases: readonly (readonly [message: string, sql: string, rest: string | undefined])[] = [
    ['Syntax error: failed at position 10 (FRM): FRM x', 'SELECT 1 FRM x', 'FRM x'],
    ['Syntax error: failed at position 13 (FRM): FRM', "SELECT 'é€' FRM", undefined],
    ['Syntax error: failed at position 16 (FRM): FRM', "SELECT 'é€' FRM", 'FRM'],
    ['Syntax error: failed at position 99 (end of query)', 'SELECT', ''],
    ['Unknown expression identifier `nme` in scope', 'SELECT name, nme', 'nme'],
    ['there is no table or view plan. Did you mean plans?', 'SELECT planner FROM plan', 'plan'],
    ['there is no table or view a(. Tables:', 'SELECT 1 FROM `a(`', 'a(`'],
    ['there is no table or view (\\w+)+!. Tables:', `SELECT ${'a'.repeat(40)}`, undefined],
    ['there is no table or view b. Tables:', 'SELECT a.b, bb FROM b', 'b'],
    ['code 241: memory', 'SELECT 1', undefined],
  ];
  for (const [message, sql, rest] of cases) {
    const at = errorPosition(message, sql);
    if (message.includes('13')) assert.ok(at !== undefined && at < sql.indexOf('FRM'));
    else assert.equal(at === undefined ? undefined : sql.slice(at), rest, message);
  }
  assert.deepEqual(lineAndColumn('a\nbc\nd', 3), { line: 2, column: 2 });
  assert.deepEqual(lineAndColumn('', 0), { line: 1, column: 1 });
});

const result = (columns: readonly (readonly [string, string])[], rows: SqlResult['rows']): SqlResult => ({
  columns: columns.map(([name, type]) => ({ name, type })),
  rows,
  isTruncated: false,
  elapsedMs: 1,
});

test('likelyChart suggests a number over a time or text, and fits checks the columns of a chart', () => {
  const likely = (...types: string[]) => {
    const { columns } = result(
      types.map((type, at) => [`c${at}`, type] as const),
      [],
    );
    return likelyChart(columns);
  };
  assert.deepEqual(likely('Nullable(Date)', 'Int64'), { kind: 'line', x: 'c0', y: ['c1'] });
  assert.deepEqual(likely('String', 'UInt8', "DateTime64(3, 'UTC')"), { kind: 'line', x: 'c2', y: ['c1'] });
  assert.deepEqual(likely('Int64', 'LowCardinality(Nullable(String))'), { kind: 'bar', x: 'c1', y: ['c0'] });
  assert.equal(likely('String'), undefined);
  assert.equal(likely('String', 'Array(Int64)'), undefined);
  assert.equal(likely(), undefined);
  assert.ok(isNumeric('Nullable(Decimal(38, 2))') && !isNumeric('Interval'));
  const { columns } = result(
    [
      ['a', 'String'],
      ['b', 'Int8'],
    ],
    [],
  );
  assert.ok(fits(columns, { kind: 'bar', x: 'a', y: ['b'] }));
  assert.ok(!fits(columns, { kind: 'bar', x: 'b', y: ['a'] }));
  assert.ok(!fits(columns, { kind: 'bar', x: 'a', y: ['b'], series: 'c' }));
});

test('a chart sorts times, splits by a column and leaves gaps for missing values', () => {
  const months = result(
    [
      ['month', 'Date'],
      ['plan', 'String'],
      ['mrr', 'Int64'],
    ],
    [
      ['2026-02-01', 'a', '3'],
      ['2026-01-01', 'a', '1'],
      ['2026-01-01', 'b', null],
      [null, 'b', '7'],
    ],
  );
  const { xs, series, xText } = chartDataOf(months, { kind: 'line', x: 'month', y: ['mrr'], series: 'plan' });
  assert.deepEqual(xs, [Date.UTC(2026, 0) / 1_000, Date.UTC(2026, 1) / 1_000]);
  assert.equal(xText(xs[0] ?? 0), '2026-01-01');
  assert.deepEqual(
    series.map(({ name, values }) => [name, values]),
    [
      ['a', [1, 3]],
      ['b', [null, null]],
    ],
  );
  const bars = chartDataOf(months, { kind: 'bar', x: 'month', y: ['mrr'] });
  assert.deepEqual(
    [bars.xs, bars.xs.map(bars.xText)],
    [
      [0, 1, 2],
      ['2026-02-01', '2026-01-01', 'NULL'],
    ],
  );
});
