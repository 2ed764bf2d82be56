import assert from 'node:assert/strict';
import test from 'node:test';
import { parseQuestion, readQuestions } from '../../../../operations/query/library.ts';

const text = '-- title: T\n-- about: What.\n-- chart: line, x month, y mrr\n-- A comment.\nSELECT 1\n';

test('parseQuestion separates title, description and chart from the SQL', () => {
  assert.deepEqual(parseQuestion('q', text), {
    name: 'q',
    title: 'T',
    about: 'What.',
    chart: { kind: 'line', x: 'month', y: ['mrr'] },
    sql: '-- A comment.\nSELECT 1',
  });
});

for (const [chart, expected] of [
  ['bar, x plan, y mrr, arpa', { kind: 'bar', x: 'plan', y: ['mrr', 'arpa'] }],
  ['line, x month, y a, b, series plan', { kind: 'line', x: 'month', y: ['a', 'b'], series: 'plan' }],
  ['line, x month, y a, series plan', { kind: 'line', x: 'month', y: ['a'], series: 'plan' }],
] as const) {
  test(`parseQuestion reads the chart "${chart}"`, () => {
    assert.deepEqual(parseQuestion('q', text.replace(/line, .*/, chart)).chart, expected);
  });
}

for (const [title, wrong] of [
  ['without a title', text.replace(/^.*\n/, '')],
  ['without a description', text.replace(/-- about.*\n/, '')],
  ['with an unknown kind of chart', text.replace('line', 'pie')],
  ['whose chart has no y', text.replace(', y mrr', '')],
] as const) {
  test(`parseQuestion rejects a question ${title}`, () => {
    assert.throws(() => parseQuestion('q', wrong), /^SyntaxError: queries\/q\.sql/);
  });
}

test('readQuestions returns each question once, with mrr_by_month first', () => {
  const names = readQuestions().map(({ name }) => name);
  assert.equal(names[0], 'mrr_by_month');
  assert.equal(new Set(names).size, names.length);
  assert.ok(names.length >= 15);
});
