import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import type { JsonObject } from '../../core/json.ts';
import { readQuestions } from '../../operations/query/library.ts';
import { ReadOnlyQueries } from '../../operations/query/read-only-queries.ts';
import { createApiServer } from '../helpers/api-server.ts';
import { produceStreams, sinkStreams } from '../helpers/pipeline.ts';
import { createSettings, noSignal } from '../helpers/settings.ts';
import { createSimulatorServer } from '../helpers/simulator.ts';

/** The data of the simulated account ends at this time. */
const NOW = '2026-10-01 00:00:00';

/** Questions about the pipeline, whose results depend on the clock. */
const live = ['changed_customers', 'changes_last_24_hours', 'freshness', 'runs_with_problems'];

test('ready-made questions return their samples, and several match a computation outside SQL', async (t) => {
  const { simulator, baseUrl } = await createSimulatorServer(t, { customers: 300, seed: 5 });
  const settings = createSettings(t, baseUrl);
  const names = ['account', 'activities', 'customers', 'customer_subscriptions', 'invoices'];
  await produceStreams(settings, ...names);
  await sinkStreams(settings, ...names, 'runs');
  const queries = new ReadOnlyQueries(settings.clickhouse);
  t.after(() => queries.close());
  const questions = new Map(readQuestions().map((question) => [question.name, question]));
  const ask = async (name: string) => {
    const { sql = '' } = questions.get(name) ?? {};
    const asked = live.includes(name) ? sql : sql.replaceAll('now()', `toDateTime('${NOW}', 'UTC')`);
    const { columns, rows } = await queries.rows(asked, { signal: noSignal, maxRows: 100_000 });
    return rows.map((row) => Object.fromEntries(columns.map((column, at) => [column.name, row[at]])));
  };
  const [account] = [...simulator.truth('account')] as JsonObject[];
  const ledger = ledgerOf([...simulator.truth('activities')] as JsonObject[], String(account?.['time_zone']));

  for (const { name, chart, title, about } of questions.values()) {
    await t.test(`${name} returns rows, with the columns of its chart`, async () => {
      assert.ok(title !== '' && about.endsWith('.'), name);
      const [row] = await ask(name);
      if (name !== 'runs_with_problems') assert.ok(row, name);
      if (chart === undefined || row === undefined) return;
      const drawn = [chart.x, ...chart.y, ...(chart.series === undefined ? [] : [chart.series])];
      for (const column of drawn) assert.ok(column in row, `${name} has no column ${column}`);
    });
  }

  await t.test('queries/samples.json matches the results of the questions', async () => {
    const samples: Record<string, Record<string, unknown>[]> = {};
    for (const name of questions.keys()) if (!live.includes(name)) samples[name] = sampleOf(await ask(name));
    const file = new URL('../../queries/samples.json', import.meta.url);
    if (process.env['UPDATE_SAMPLES'] !== undefined) writeFileSync(file, JSON.stringify(samples, null, 2));
    const remedy = 'run `UPDATE_SAMPLES=1 npm test -- query.questions`, `npm run docs` and `npm run format`';
    assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), JSON.parse(JSON.stringify(samples)), remedy);
  });

  await t.test(
    'cohort_retention counts the customers of each cohort that still pay in each later month',
    async () => {
      const expected = ledger.cohorts().flatMap(({ cohort, customers }) =>
        ledger.months
          .filter((month) => month >= cohort)
          .map((month, later) => {
            const paying = customers.filter((customer) => ledger.mrrAt(customer, month) > 0).length;
            return [`${cohort}-01`, String(later), String(customers.length), String(paying)];
          }),
      );
      const rows = await ask('cohort_retention');
      assert.ok(rows.length > 100);
      assert.ok(rows.some(({ retained_percent: percent }) => percent !== '100' && percent !== '0'));
      assert.deepEqual(
        rows.map((row) => ['cohort', 'months_later', 'cohort_size', 'customers'].map((name) => row[name])),
        expected,
      );
    },
  );

  await t.test(
    'net_revenue_retention compares the MRR of customers with their MRR a year earlier',
    async () => {
      const expected = ledger.months.slice(12).flatMap((month, at) => {
        const then = ledger.months[at] ?? '';
        const paying = ledger.customers.filter((customer) => ledger.mrrAt(customer, then) > 0);
        const sum = (at: string) => paying.reduce((total, customer) => total + ledger.mrrAt(customer, at), 0);
        if (paying.length === 0) return [];
        return [[`${month}-01`, paying.length, sum(then), sum(month)]];
      });
      const rows = await ask('net_revenue_retention');
      assert.ok(rows.length > 10);
      assert.deepEqual(
        rows.map((row) => [
          row['month'],
          Number(row['customers_then']),
          ...['mrr_then', 'mrr_now'].map((name) => Math.round(Number(row[name]) * 100)),
        ]),
        expected,
      );
      for (const row of rows)
        assert.ok(
          Math.abs(
            Number(row['net_revenue_retention_percent']) -
              (100 * Number(row['mrr_now'])) / Number(row['mrr_then']),
          ) < 0.051,
        );
    },
  );

  const customers = new Map(
    ([...simulator.truth('customers')] as JsonObject[]).map((customer) => [customer['uuid'], customer]),
  );

  await t.test('churned_customers lists the churn of the last twelve months', async () => {
    const expected = ledger.activities
      .filter(
        ({ type, date }) =>
          type === 'churn' && date > Date.parse('2025-10-01T00:00:00Z') && date <= Date.parse(`${NOW}Z`),
      )
      .map(({ customer, moved, day }) => `${day} ${String(customers.get(customer)?.['name'])} ${-moved}`);
    const rows = await ask('churned_customers');
    assert.ok(rows.length > 10);
    const found = rows.map(
      ({ left_on: day, customer, mrr_lost: lost }) =>
        `${day ?? ''} ${customer ?? ''} ${Math.round(Number(lost) * 100)}`,
    );
    assert.deepEqual(found.sort(), expected.sort());
  });

  await t.test('outstanding_invoices lists unpaid invoices with their amounts', async () => {
    const { timeZone } = ledger;
    const expected = ([...simulator.truth('invoices')] as unknown as Invoice[])
      .filter(({ status, disabled }) => status === null && !disabled)
      .map((invoice) => ({ ...invoice, ...sumsOf(invoice) }))
      .filter(({ amount, paid }) => amount > paid)
      .map(({ external_id: id, customer_uuid: customer, due_date: due, date, amount, paid }) => {
        const dueOn = dayIn(timeZone).format(Date.parse(due ?? date));
        const days =
          (Date.parse(dayIn(timeZone).format(Date.parse(`${NOW}Z`))) - Date.parse(dueOn)) / 86_400_000;
        const name = customers.get(customer)?.['name'];
        return [dueOn, name, id, amount / 100, paid / 100, (amount - paid) / 100, Math.max(0, days)];
      });
    const rows = await ask('outstanding_invoices');
    assert.ok(rows.length > 5);
    assert.deepEqual(rows.map(outstanding).sort(), expected.sort());
  });

  await t.test('top_customers lists the customers with the highest MRR and their share', async () => {
    const all = [...customers.values()].map(({ uuid, name, mrr }) => ({
      uuid: String(uuid),
      name,
      mrr: Number(mrr),
    }));
    const total = all.reduce((sum, { mrr }) => sum + mrr, 0);
    const expected = all
      .filter(({ mrr }) => mrr > 0)
      .sort((a, b) => b.mrr - a.mrr || (a.uuid < b.uuid ? -1 : 1))
      .slice(0, 20);
    const rows = await ask('top_customers');
    assert.deepEqual(
      rows.map(({ customer, mrr }) => [customer, Math.round(Number(mrr) * 100)]),
      expected.map(({ name, mrr }) => [name, mrr]),
    );
    for (const [at, row] of rows.entries())
      assert.ok(Math.abs(Number(row['share_percent']) - (100 * (expected[at]?.mrr ?? 0)) / total) < 0.051);
  });

  await t.test('arpa and mrr_by_month agree on the MRR of every month', async () => {
    const total = (month: string) =>
      ledger.customers.reduce((sum, customer) => sum + ledger.mrrAt(customer, month), 0);
    for (const name of ['arpa', 'mrr_by_month'])
      assert.deepEqual(
        (await ask(name)).map(({ month, mrr }) => [month, Math.round(Number(mrr) * 100)]),
        ledger.months.map((month) => [`${month}-01`, total(month)]),
        name,
      );
  });
});

test('outstanding_invoices handles partial payments, refunds, write-offs and disabled records', async (t) => {
  const item = { type: 'subscription', amount_in_cents: 10_000, tax_amount_in_cents: 1_900 };
  const payment = {
    type: 'payment',
    result: 'successful',
    date: '2026-06-03T00:00:00Z',
    amount_in_cents: null,
  };
  const part = { ...payment, amount_in_cents: 4_000 };
  const cases: readonly (readonly [id: string, invoice: object, outstanding?: number])[] = [
    ['unpaid', {}, 100],
    ['unpaid, two items', { line_items: [item, { ...item, amount_in_cents: 2_050 }] }, 120.5],
    ['unpaid, a disabled item', { line_items: [item, { ...item, disabled: true }] }, 100],
    ['paid in full', { transactions: [payment] }],
    ['paid in part', { transactions: [part] }, 60],
    ['paid in two parts', { transactions: [part, part] }, 20],
    ['paid in full by parts', { transactions: [part, part, { ...part, amount_in_cents: 2_000 }] }],
    ['paid too much', { transactions: [part, part, part] }],
    ['paid in part, then in full', { transactions: [part, payment] }],
    ['a failed payment', { transactions: [{ ...payment, result: 'failed' }] }, 100],
    ['a disabled payment', { transactions: [{ ...payment, disabled: true }] }, 100],
    ['refunded', { transactions: [payment, { ...payment, type: 'refund' }] }],
    ['paid outside', { status: 'paid' }],
    ['voided', { status: 'voided' }],
    ['written off', { status: 'written_off' }],
    ['written off after a partial payment', { status: 'written_off', transactions: [part] }],
    ['another status', { status: 'open' }, 100],
    ['disabled', { disabled: true }],
    ['without items', { line_items: [] }],
    ['zero', { line_items: [{ ...item, amount_in_cents: 0 }] }],
    ['credit', { line_items: [{ ...item, amount_in_cents: -10_000 }] }],
  ];
  const invoices = cases.map(([id, invoice]) => ({
    ...{ uuid: `inv_${id}`, external_id: id, customer_uuid: 'cus_1', currency: 'EUR', status: null },
    // In New York, both times are on the previous day.
    ...{ date: '2026-06-02T01:00:00.000Z', due_date: '2026-06-16T01:00:00.000Z' },
    ...{ line_items: [item], transactions: [] },
    ...invoice,
  }));
  const list = (name: string, entries: readonly object[]) =>
    JSON.stringify({ [name]: entries, has_more: false, cursor: null });
  const { baseUrl } = await createApiServer(t, {
    '/account': JSON.stringify({ id: 'acc_1', time_zone: 'America/New_York', currency: 'EUR' }),
    '/customers': list('entries', [{ uuid: 'cus_1', name: 'Ada' }]),
    '/invoices': list('invoices', invoices),
  });
  const settings = createSettings(t, baseUrl);
  const names = ['account', 'customers', 'invoices'];
  await produceStreams(settings, ...names);
  await sinkStreams(settings, ...names);
  const queries = new ReadOnlyQueries(settings.clickhouse);
  t.after(() => queries.close());
  const { sql = '' } = readQuestions().find(({ name }) => name === 'outstanding_invoices') ?? {};
  const asked = sql.replaceAll('now()', `toDateTime('${NOW}', 'UTC')`);
  const { columns, rows } = await queries.rows(asked, { signal: noSignal, maxRows: 100 });
  const found = rows.map((row) =>
    outstanding(Object.fromEntries(columns.map((column, at) => [column.name, row[at]]))),
  );
  assert.deepEqual(
    found.map(([, , id, , , owed]) => [id, owed]).sort(),
    cases.flatMap(([id, , owed]) => (owed === undefined ? [] : [[id, owed]])).sort(),
  );
  // At midnight UTC on 1 October, it is still 30 September in New York.
  const inPart = found.find(([, , id]) => id === 'paid in two parts');
  assert.deepEqual(inPart, ['2026-06-15', 'Ada', 'paid in two parts', 100, 80, 20, 107]);
});

/** Returns the rows that the documentation shows: the latest months, or the first rows. */
function sampleOf(rows: readonly Record<string, unknown>[]): Record<string, unknown>[] {
  if (rows[0]?.['month'] === undefined) return rows.slice(0, 3);
  return rows.filter(({ month }) => String(month) < NOW.slice(0, 10)).slice(-3);
}

interface Invoice {
  readonly external_id: string;
  readonly customer_uuid: string;
  readonly date: string;
  readonly due_date: string | null;
  readonly status: string | null;
  readonly disabled: boolean;
  readonly line_items: readonly { readonly amount_in_cents: number }[];
  readonly transactions: readonly {
    readonly type: string;
    readonly result: string;
    readonly amount_in_cents: number | null;
  }[];
}

/** Returns the amount of an invoice and the amount paid, in cents. */
function sumsOf({ line_items: items, transactions }: Invoice): { amount: number; paid: number } {
  const amount = items.reduce((sum, item) => sum + item.amount_in_cents, 0);
  const payments = transactions.filter(({ type, result }) => type === 'payment' && result === 'successful');
  return { amount, paid: payments.reduce((sum, { amount_in_cents: cents }) => sum + (cents ?? amount), 0) };
}

/** Returns the values of a row of `outstanding_invoices`, without the currency. */
function outstanding(row: Readonly<Record<string, unknown>>): unknown[] {
  const numbers = ['amount', 'paid', 'outstanding', 'days_overdue'].map((name) => Number(row[name]));
  return [row['due_on'], row['customer'], row['invoice'], ...numbers];
}

function dayIn(timeZone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('en-CA', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' });
}

/** Computes each customer's MRR at the end of each month, and the cohorts, in a time zone. */
function ledgerOf(records: readonly JsonObject[], timeZone: string) {
  const day = dayIn(timeZone);
  const activities = records.map((record) => {
    const date = Date.parse(String(record['date']));
    return {
      customer: String(record['customer-uuid']),
      type: record['type'],
      date,
      day: day.format(date),
      moved: Number(record['activity-mrr-movement']),
    };
  });
  const firstMonths = new Map<string, string>();
  const movements = new Map<string, { month: string; moved: number }[]>();
  for (const { customer, day, moved } of activities) {
    const month = day.slice(0, 7);
    const first = firstMonths.get(customer);
    if (first === undefined || month < first) firstMonths.set(customer, month);
    movements.set(customer, [...(movements.get(customer) ?? []), { month, moved }]);
  }
  const last = day.format(Date.now()).slice(0, 7);
  const months: string[] = [];
  for (let month = [...firstMonths.values()].sort()[0] ?? last; month <= last; month = next(month))
    months.push(month);
  const customers = [...firstMonths.keys()];
  return {
    timeZone,
    activities,
    months,
    customers,
    mrrAt: (customer: string, month: string) =>
      (movements.get(customer) ?? []).reduce(
        (sum, movement) => sum + (movement.month <= month ? movement.moved : 0),
        0,
      ),
    cohorts: () =>
      months
        .map((cohort) => ({
          cohort,
          customers: customers.filter((customer) => firstMonths.get(customer) === cohort),
        }))
        .filter(({ customers: members }) => members.length > 0),
  };
}

/** Returns the next month, such as `2026-01` after `2025-12`. */
function next(month: string): string {
  const [year = 0, number = 0] = month.split('-').map(Number);
  return number === 12 ? `${year + 1}-01` : `${year}-${String(number + 1).padStart(2, '0')}`;
}
