import assert from 'node:assert/strict';
import { test } from 'node:test';
import { headlinesOf, monthText } from '../../../dashboard/pages/mrr/headlines.ts';
import { moneyText, shortMoney, signedMoney } from '../../../dashboard/pages/shared/money.ts';

const month = {
  month: '2026-03-01',
  openingMrr: 0,
  newBusiness: 0,
  expansion: 0,
  contraction: 0,
  churn: 0,
  reactivation: 0,
  closingMrr: 0,
  customersGained: 0,
  customersLost: 0,
  customers: 0,
  arpa: null,
  customerChurnRate: null,
  mrrChurnRate: null,
};

test('headlines compare the latest month with the month before', () => {
  const months = [
    { ...month, closingMrr: 10_000, customers: 4, arpa: 2_500, customerChurnRate: 1, mrrChurnRate: -2.5 },
    {
      ...month,
      openingMrr: 10_000,
      closingMrr: 123_456_789,
      customers: 3,
      arpa: 2_500,
      customerChurnRate: 1.5,
      mrrChurnRate: -3,
    },
  ];
  assert.deepEqual(
    headlinesOf(months, 'EUR').map(({ name, figure, exact, change, tone }) => [
      name,
      figure,
      exact,
      change,
      tone,
    ]),
    [
      ['MRR', '€1.23M', '€1,234,567.89', '+€1,234,467.89', 'good'],
      ['Net new MRR', '€1.23M', '€1,234,467.89', '+€1,234,367.89', 'good'],
      ['Customers', '3', '3', '-1', 'bad'],
      ['ARPA', '€25.00', '€25.00', 'unchanged', 'plain'],
      ['Customer churn', '1.50 %', '1.50 %', '+0.50 points', 'bad'],
      ['Net MRR churn', '-3.00 %', '-3.00 %', '-0.50 points', 'good'],
    ],
  );
});

test('headlines of a first month without customers show neither rates nor changes', () => {
  assert.deepEqual(
    headlinesOf([month], 'EUR').map(({ figure, change }) => [figure, change]),
    [
      ['€0.00', undefined],
      ['€0.00', undefined],
      ['0', undefined],
      ['–', undefined],
      ['–', undefined],
      ['–', undefined],
    ],
  );
  assert.deepEqual(headlinesOf([], 'EUR'), []);
});

test('amounts show a currency that Intl accepts, and months show their name and year', () => {
  assert.equal(moneyText(-123_450, 'USD'), '-$1,234.50');
  assert.equal(signedMoney(5, 'USD'), '+$0.05');
  assert.equal(shortMoney(250_000_000, 'USD'), '$2.5M');
  assert.equal(shortMoney(123_456, 'USD'), '$1,235');
  for (const currency of ['', 'usd', 'no such']) assert.equal(moneyText(123_450, currency), '1,234.50');
  assert.equal(monthText('2026-03-01'), 'March 2026');
  assert.equal(monthText('2026-03-01', true), 'Mar 26');
  assert.equal(monthText('?'), '?');
});
