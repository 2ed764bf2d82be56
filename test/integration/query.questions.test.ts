import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../core/json.ts';
import { readQuestions } from '../../operations/query/library.ts';
import { ReadOnlyQueries } from '../../operations/query/read-only-queries.ts';
import { produceStreams, sinkStreams } from '../helpers/pipeline.ts';
import { createSettings, noSignal } from '../helpers/settings.ts';
import { createSimulatorServer } from '../helpers/simulator.ts';

/** The simulated account ends here. */
const NOW = '2026-10-01 00:00:00';

/** Questions about the pipeline, which depend on the clock, and may find nothing. */
const live = ['changed_customers', 'changes_last_24_hours', 'freshness', 'runs_with_problems'];

test('the ready-made questions run, and answer as a computation outside SQL does', async (t) => {
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

  await t.test(
    'cohort_retention counts the customers of each cohort that pay after so many months',
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

  await t.test('net_revenue_retention compares the MRR of customers with that of a year before', async () => {
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
  });

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

/** Computes what each customer pays at the end of each month, in a time zone. */
function ledgerOf(records: readonly JsonObject[], timeZone: string) {
  const day = new Intl.DateTimeFormat('en-CA', {
    timeZone,
    ...{ year: 'numeric', month: '2-digit', day: '2-digit' },
  });
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

/** Returns the month after, such as `2026-01` after `2025-12`. */
function next(month: string): string {
  const [year = 0, number = 0] = month.split('-').map(Number);
  return number === 12 ? `${year + 1}-01` : `${year}-${String(number + 1).padStart(2, '0')}`;
}
