import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lastMonday } from '../../../simulator/options.ts';
import { createSimulator, type Simulator } from '../../../simulator/simulator.ts';

type Row = Readonly<Record<string, unknown>>;

const day = 86_400_000;
const seeds = [1, 2, 3, 5, 77, 1234];
const rows = (simulator: Simulator, stream: string): Row[] => [...simulator.truth(stream)];
const total = (values: readonly unknown[]) => values.reduce<number>((sum, value) => sum + Number(value), 0);
const customOf = (customer: Row) => (customer['attributes'] as { custom: Row }).custom;
const isPaying = (customer: Row) => Number(customer['mrr']) > 0;
const namesOf = (list: readonly Row[], field: string) => [...new Set(list.map((row) => row[field]))].sort();

for (const customers of [200, 1000]) {
  test(`no customer has more than 5% of the MRR of an account with ${customers} customers`, () => {
    for (const seed of seeds) {
      const values = rows(createSimulator({ seed, customers }), 'customers').map((row) => Number(row['mrr']));
      const share = Math.max(...values) / total(values);
      assert.ok(share <= 0.05, `${(share * 100).toFixed(1)}% with seed ${seed}`);
    }
  });
}

test('a few customers pay a lot and many pay little', () => {
  for (const seed of seeds) {
    const paying = rows(createSimulator({ seed, customers: 1000 }), 'customers').filter(isPaying);
    const values = paying.map((row) => Number(row['mrr'])).sort((left, right) => right - left);
    const arpa = total(values) / values.length;
    assert.ok(arpa > 10_000 && arpa < 60_000, `ARPA ${arpa} cents`);
    const top = total(values.slice(0, Math.ceil(values.length / 10))) / total(values);
    assert.ok(top > 0.3 && top < 0.6, `a tenth of the customers have ${top} of the MRR`);
    assert.ok((values[Math.floor(values.length / 2)] ?? 0) < arpa, 'the median is not below the average');
  }
});

test('every plan has customers, and every kind of movement occurs', () => {
  const types = ['churn', 'contraction', 'expansion', 'new_biz', 'reactivation'];
  for (const seed of seeds) {
    const simulator = createSimulator({ seed, customers: 500 });
    const active = rows(simulator, 'customer_subscriptions').filter((row) => row['status'] === 'active');
    assert.deepEqual(namesOf(active, 'plan'), namesOf(rows(simulator, 'plans'), 'name'));
    assert.deepEqual(namesOf(rows(simulator, 'activities'), 'type'), types);
  }
});

test('MRR and customers grow every year', () => {
  for (const seed of seeds) {
    const simulator = createSimulator({ seed, customers: 200 });
    for (const [stream, field] of [
      ['metrics_mrr', 'mrr'],
      ['metrics_customer_count', 'customers'],
    ] as const) {
      const [first = 0, second = 0, third = 0] = [13, 25, 37].map((month) =>
        Number(rows(simulator, stream)[month - 1]?.[field]),
      );
      assert.ok(0 < first && first < second && second < third, `${first}, ${second}, ${third}`);
    }
  }
});

test('each cancelled customer has a reason from a short list, and no other customer has one', () => {
  for (const revision of [0, 3]) {
    const customers = rows(createSimulator({ customers: 500, revision, changes: 0.2 }), 'customers');
    const gone = customers.filter((row) => row['status'] === 'Cancelled');
    const reasons = new Set(gone.map((row) => customOf(row)['churnReason']));
    const counts = `${reasons.size} reasons of ${gone.length} customers`;
    assert.ok(gone.length > 50 && reasons.size > 4 && reasons.size < 10, counts);
    for (const reason of reasons) assert.match(String(reason), /^[A-Z][a-z]+( [a-z]+)+$/);
    for (const row of customers.filter((one) => !gone.includes(one)))
      assert.ok(!reasons.has(customOf(row)['churnReason']), String(row['uuid']));
  }
});

test('subscriptions to smaller plans end sooner, and old subscriptions end less often', () => {
  const subscriptions = rows(createSimulator({ customers: 8000 }), 'customer_subscriptions');
  /**
   * Returns the share of subscriptions that ended within `to` days, among those that lasted more
   * than `from` days.
   */
  const ended = (plan: RegExp, from: number, to: number) => {
    const ages = subscriptions.flatMap((row) => {
      const [start, end] = [row['start-date'], row['end-date']].map((text) => Date.parse(String(text)));
      const age = ((end ?? 0) - (start ?? 0)) / day;
      return plan.test(String(row['plan'])) && age > from
        ? [{ age, isOver: row['status'] === 'inactive' }]
        : [];
    });
    return ages.filter(({ age, isOver }) => isOver && age <= to).length / ages.length;
  };
  const [starter, business] = [ended(/^Starter Monthly/, 0, 180), ended(/^Business Monthly/, 0, 180)];
  assert.ok(starter > 1.5 * business, `${starter} of Starter, ${business} of Business`);
  const [early, late] = [ended(/ Monthly$/, 0, 180), ended(/ Monthly$/, 360, 540)];
  assert.ok(early > 1.2 * late, `${early} early, ${late} late`);
});

test('a paid trial starts two weeks before the first payment, and not all trials are paid', () => {
  const customers = rows(createSimulator({ customers: 1000 }), 'customers');
  const trials = customers.filter((row) => row['free_trial_started_at'] !== null);
  const paid = trials.filter((row) => row['customer-since'] !== null);
  const share = paid.length / trials.length;
  assert.ok(share > 0.5 && share < 0.8, `${share} of the trials are paid`);
  for (const row of paid) {
    const started = Date.parse(String(row['free_trial_started_at']));
    const days = (Date.parse(String(row['customer-since'])) - started) / day;
    // A merged customer has the older of two dates.
    assert.ok((days > 13.9 && days < 14.1) || (row['external_ids'] as unknown[]).length > 1, `${days} days`);
  }
});

test('customers on the free plan are leads without MRR or invoices until they buy another plan', () => {
  const simulator = createSimulator({ customers: 500, revision: 4, changes: 0.3 });
  const customers = new Map(rows(simulator, 'customers').map((row) => [row['uuid'], row]));
  const subscriptions = rows(simulator, 'customer_subscriptions');
  const invoiced = new Set(rows(simulator, 'invoices').map((row) => row['customer_uuid']));
  const free = subscriptions.filter(({ plan, customer_uuid: own }) => {
    const others = subscriptions.filter((row) => row['customer_uuid'] === own && row['plan'] !== 'Free');
    return plan === 'Free' && others.length === 0;
  });
  assert.ok(free.length > 10, `${free.length} free customers`);
  for (const { customer_uuid: uuid, mrr } of free) {
    const { status, mrr: sum, 'customer-since': since } = customers.get(uuid) ?? {};
    assert.deepEqual({ mrr, sum, since }, { mrr: 0, sum: 0, since: null });
    assert.match(String(status), /Lead$/);
    assert.ok(!invoiced.has(uuid), String(uuid));
  }
  const start = (row: Row) => Date.parse(String(row['start-date']));
  const since = (row: Row) => Date.parse(String(customers.get(row['customer_uuid'])?.['customer-since']));
  const converted = subscriptions.filter(
    (row) => row['plan'] !== 'Free' && since(row) - start(row) > 5 * day,
  );
  assert.ok(converted.length > 10, `${converted.length} converted customers`);
});

test('invoices are in several currencies, and all MRR is in the currency of the account', () => {
  const simulator = createSimulator({ customers: 300 });
  assert.deepEqual(namesOf(rows(simulator, 'invoices'), 'currency'), ['EUR', 'GBP', 'IDR', 'USD']);
  for (const stream of ['customers', 'customer_subscriptions', 'activities'])
    assert.deepEqual(namesOf(rows(simulator, stream), 'currency'), ['USD'], stream);
});

test('some payments fail, some are refunded, and long-unpaid invoices are written off', () => {
  const invoices = rows(createSimulator({ customers: 500 }), 'invoices');
  const today = Date.parse('2026-10-01');
  const statuses = new Map<string, number>();
  for (const { status, transactions, date } of invoices) {
    const kinds = (transactions as Row[]).map((row) => `${String(row['type'])} ${String(row['result'])}`);
    for (const kind of kinds) statuses.set(kind, (statuses.get(kind) ?? 0) + 1);
    const unpaid = Date.parse(String(date)) < today - 90 * day ? 'written_off' : null;
    if (status !== 'voided')
      assert.equal(status, kinds.includes('payment successful') ? 'paid' : unpaid, kinds.join());
  }
  const [paid = 0, failed = 0, refunded = 0] = [
    'payment successful',
    'payment failed',
    'refund successful',
  ].map((kind) => statuses.get(kind));
  assert.ok(failed > 0.03 * paid && failed < 0.2 * paid, `${failed} failed, ${paid} paid`);
  assert.ok(refunded > 0.01 * paid && refunded < 0.1 * paid, `${refunded} refunded, ${paid} paid`);
});

test('the history covers about three years and ends within two weeks of the requested day', () => {
  for (const text of ['2024-02-29', '2026-11-30', '2031-01-01']) {
    const today = Date.parse(text);
    const dates = rows(createSimulator({ customers: 200, today }), 'activities').map((row) =>
      Date.parse(String(row['date'])),
    );
    const age = (at: number) => (today - at) / day;
    assert.ok(age(Math.max(...dates)) > 0 && age(Math.max(...dates)) < 14, text);
    assert.ok(age(Math.min(...dates)) > 1000 && age(Math.min(...dates)) < 1097, text);
  }
});

test('lastMonday returns midnight UTC on Monday of the current week', () => {
  const monday = Date.parse('2026-11-30');
  for (const [now, expected] of [
    ['2026-11-30T00:00:00Z', monday],
    ['2026-12-06T23:59:59Z', monday],
    ['2026-11-29T23:59:59Z', monday - 7 * day],
  ] as const)
    assert.equal(lastMonday(Date.parse(now)), expected, now);
});
