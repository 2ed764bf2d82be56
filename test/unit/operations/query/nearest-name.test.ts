import assert from 'node:assert/strict';
import test from 'node:test';
import { nearestName } from '../../../../operations/query/nearest-name.ts';

const names = ['customers', 'customers_raw', 'customer_tags', 'invoices', 'mrr_by_month', 'plans'];

for (const [text, expected] of [
  ['custmers', 'customers'],
  ['Customers', 'customers'],
  ['customer', 'customers'],
  ['plan', 'plans'],
  ['mrr_per_month', 'mrr_by_month'],
  ['invocies', 'invoices'],
  ['x', undefined],
  ['subscriptions', undefined],
  ['', undefined],
] as const) {
  test(`nearestName of "${text}" is ${expected ?? 'nothing'}`, () => {
    assert.equal(nearestName(text, names), expected);
  });
}

test('nearestName of no names is nothing', () => {
  assert.equal(nearestName('plans', []), undefined);
});
