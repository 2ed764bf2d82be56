import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MrrReport } from '../../operations/mrr/mrr-report.ts';
import { readMrrReport } from '../../operations/mrr/read-mrr-report.ts';
import { ReadOnlyQueries } from '../../operations/query/read-only-queries.ts';
import type { JsonObject } from '../../core/json.ts';
import { produceStreams, sinkStreams } from '../helpers/pipeline.ts';
import { command } from '../helpers/plans-table.ts';
import { nameIn } from '../helpers/found-views.ts';
import { createSender, sinkAll } from '../helpers/sender.ts';
import { createSettings, noSignal } from '../helpers/settings.ts';
import { createSimulatorServer } from '../helpers/simulator.ts';
import { rowsOf } from '../helpers/table-rows.ts';

function ready(report: MrrReport): Extract<MrrReport, { state: 'ready' }> {
  if (report.state !== 'ready') assert.fail(JSON.stringify(report));
  return report;
}

const metricColumns = {
  mrr: 'mrr, mrr_new_business, mrr_expansion, mrr_contraction, mrr_churn, mrr_reactivation',
  customer_count: 'customers',
  arpa: 'arpa',
  customer_churn_rate: 'customer_churn_rate',
  mrr_churn_rate: 'mrr_churn_rate',
};

test('the MRR report equals the metrics of the API for every month', async (t) => {
  const { baseUrl } = await createSimulatorServer(t, { customers: 200, seed: 11 });
  const settings = createSettings(t, baseUrl);
  const names = ['account', 'activities', ...Object.keys(metricColumns).map((name) => `metrics_${name}`)];
  await produceStreams(settings, ...names);
  for (const { stream, failure } of await sinkStreams(settings, ...names))
    assert.equal(failure, undefined, stream);
  const read = (count: 12 | 24 | undefined) => readMrrReport(settings.clickhouse, count, noSignal);
  const report = ready(await read(undefined));

  await t.test('the report has the currency and time zone of the account', () => {
    assert.deepEqual([report.currency, report.timeZone], ['USD', 'America/New_York']);
  });

  await t.test('MRR, movements, customers, ARPA and rates equal the metrics', async () => {
    const byMonth = new Map(report.months.map((month) => [month.month.slice(0, 7), month]));
    const metrics = new Map<string, JsonObject>();
    for (const [name, columns] of Object.entries(metricColumns)) {
      const sql = `SELECT date, ${columns} FROM metrics_${name} WHERE interval = 'month'`;
      for (const { date, ...values } of await rowsOf(settings, sql)) {
        const month = String(date).slice(0, 7);
        metrics.set(month, { ...metrics.get(month), ...values });
      }
    }
    const shared = [...metrics].filter(([month]) => byMonth.has(month));
    assert.ok(shared.length > 12);
    for (const [name, metric] of shared) {
      const month = byMonth.get(name);
      assert.deepEqual(
        {
          mrr: month?.closingMrr,
          mrr_new_business: month?.newBusiness,
          mrr_expansion: month?.expansion,
          mrr_contraction: month?.contraction,
          mrr_churn: month?.churn,
          mrr_reactivation: month?.reactivation,
          customers: month?.customers,
          // The API returns 0 if the divisor is 0.
          arpa: month?.arpa ?? 0,
          customer_churn_rate: month?.customerChurnRate ?? 0,
          mrr_churn_rate: month?.mrrChurnRate ?? 0,
        },
        metric,
        name,
      );
    }
    // Enough months have a churn rate to compare.
    assert.ok(report.months.filter(({ customerChurnRate }) => (customerChurnRate ?? 0) > 0).length > 6);
  });

  await t.test('a report of 12 or 24 months contains the last months of the full report', async () => {
    for (const count of [12, 24] as const) {
      const { months } = ready(await read(count));
      assert.equal(months.length, count);
      assert.deepEqual(months, report.months.slice(-count));
    }
  });

  await t.test('the largest movements are from the seven days up to the latest movement', async () => {
    const expected = await rowsOf(
      settings,
      `SELECT abs(activity_mrr_movement) AS size FROM activities
       WHERE date > (SELECT max(date) FROM activities) - INTERVAL 7 DAY ORDER BY size DESC LIMIT 10`,
    );
    assert.ok(expected.length > 3);
    assert.deepEqual(
      report.largest.map(({ movement }) => Math.abs(movement)),
      expected.map(({ size }) => size),
    );
  });

  await t.test('the queries of the report pass the read-only check', async (t) => {
    const queries = new ReadOnlyQueries(settings.clickhouse);
    t.after(() => queries.close());
    for (const [name, sql] of Object.entries(report.sql)) {
      const { rows } = await queries.rows(sql, { signal: noSignal });
      assert.equal(rows.length, (name === 'largest' ? report.largest : report.months).length, name);
    }
  });
});

test('the MRR report names missing streams and views and an unknown time zone', async (t) => {
  const settings = createSettings(t);
  const name = nameIn(settings);
  const read = () => readMrrReport(settings.clickhouse, 12, noSignal);
  assert.deepEqual(await read(), { state: 'missing', streams: ['activities', 'account'] });
  const send = await createSender(t, settings);
  await send('activities', []);
  await sinkAll(settings, 'activities');
  assert.deepEqual(await read(), { state: 'missing', streams: ['account'] });
  await send('account', [{ id: 'acc_1', time_zone: null, currency: 'EUR' }]);
  await sinkAll(settings, 'account');
  assert.deepEqual(await read(), { state: 'no-movements' });

  const date = new Date().toISOString().replace('Z', '+00:00');
  await send('activities', [
    { uuid: 'a', date, type: 'new_biz', 'activity-mrr-movement': 9_007_199_254_740_991 },
  ]);
  await sinkAll(settings, 'activities');
  const { currency, timeZone, months, largest } = ready(await read());
  assert.deepEqual([currency, timeZone], ['EUR', 'UTC']);
  assert.deepEqual(
    months.map(({ closingMrr, customers, arpa, mrrChurnRate }) => [
      closingMrr,
      customers,
      arpa,
      mrrChurnRate,
    ]),
    [[9_007_199_254_740_991, 1, 9_007_199_254_740_991, null]],
  );
  assert.deepEqual(
    largest.map(({ movement, customer }) => [movement, customer]),
    [[9_007_199_254_740_991, '']],
  );
  await send('activities', [{ uuid: 'b', date, type: 'expansion', 'activity-mrr-movement': 1 }]);
  await sinkAll(settings, 'activities');
  await assert.rejects(read, /cannot show .*: it must be an integer below 2\^53/);

  await command(settings, `DROP VIEW ${name('mrr_by_month')}`);
  assert.deepEqual(await read(), { state: 'no-view', views: ['mrr_by_month'] });
  await send('account', [{ id: 'acc_1', time_zone: 'Middle Earth' }]);
  await sinkAll(settings, 'account');
  assert.deepEqual(await read(), { state: 'unknown-zone', timeZone: 'Middle Earth' });
});
