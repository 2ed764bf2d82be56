import assert from 'node:assert/strict';
import test from 'node:test';
import { mostSimilar } from '../../../../core/settings/choice.ts';
import { notOneOf } from '../../../../core/settings/setting-values.ts';

const streams = ['activities', 'customer_notes', 'customers', 'invoices', 'my-topic', 'plans', 'tasks'];

for (const [text, similar] of [
  ['customer', 'customers'],
  ['custmoers', 'customers'],
  ['Customers', 'customers'],
  [' customers ', 'customers'],
  ['customers-notes', 'customer_notes'],
  ['my_topic', 'my-topic'],
  ['plan', 'plans'],
  ['plants', 'plans'],
  ['task', 'tasks'],
  ['activitys', 'activities'],
  ['invoice_lines', undefined],
  ['unicorns', undefined],
  ['pl', undefined],
  ['x', undefined],
  ['', undefined],
  ['p'.repeat(100_000), undefined],
] as const)
  test(`mostSimilar returns ${similar ?? 'undefined'} for "${text.slice(0, 20)}"`, () =>
    assert.equal(mostSimilar(text, streams), similar));

test('mostSimilar prefers the first of equally similar choices', () =>
  assert.equal(mostSimilar('metric_mxr', ['metric_mrr', 'metric_mar']), 'metric_mrr'));

for (const [got, message] of [
  ['jsn', '--format got "jsn": did you mean json?'],
  ['xml', '--format must be one of csv, json; got "xml"'],
  ['a\u001bb', '--format must be one of csv, json; got "a\\u001bb"'],
] as const)
  test(`notOneOf suggests a choice, or lists all, for ${JSON.stringify(got)}`, () =>
    assert.equal(notOneOf('--format', got, ['csv', 'json']).message, message));
