import assert from 'node:assert/strict';
import test from 'node:test';
import type { Registry } from 'prom-client';
import { SinkCounts } from '../../../../consumers/report/sink-counts.ts';
import { createSinkMetrics } from '../../../../consumers/report/sink-metrics.ts';

const sinkOf = (stream: string, some: Partial<SinkCounts> = {}): SinkCounts =>
  Object.assign(new SinkCounts(stream, `${stream}_raw`), some);

/** Returns the samples of a metric in the text format that a scraper receives. */
async function lines(registry: Registry, name: string): Promise<string[]> {
  const text = await registry.getSingleMetricAsString(`chartmogul_sink_${name}`);
  return text.split('\n').filter((line) => !line.startsWith('#'));
}

const metrics: [name: string, type: string, some: Partial<SinkCounts>, value: number][] = [
  ['rows_total', 'counter', { rows: 9_007_199_254_740_991 }, 9_007_199_254_740_991],
  ['bytes_total', 'counter', { bytes: 12 }, 12],
  ['batches_total', 'counter', { batches: 3 }, 3],
  ['insert_seconds_total', 'counter', { insertSeconds: 1.25 }, 1.25],
  ['retries_total', 'counter', { retries: 4 }, 4],
  ['dead_letters_total', 'counter', { deadLetters: 5 }, 5],
  ['schema_changes_total', 'counter', { schemaChanges: 6 }, 6],
  ['failed', 'gauge', { failure: new Error('away') }, 1],
];
for (const [name, type, some, value] of metrics) {
  test(`${name} has a value for an active table and for an idle one`, async () => {
    const registry = createSinkMetrics([sinkOf('plans', some), sinkOf('invoices')]);
    const prefix = `chartmogul_sink_${name}`;
    assert.match(await registry.metrics(), new RegExp(`^# TYPE ${prefix} ${type}$`, 'm'));
    assert.deepEqual(await lines(registry, name), [
      `${prefix}{stream="plans",table="plans_raw"} ${value}`,
      `${prefix}{stream="invoices",table="invoices_raw"} 0`,
    ]);
  });
}

test('the age of a batch is the age of its oldest row', async () => {
  const registry = createSinkMetrics([
    sinkOf('plans', { oldestRowMs: performance.now() - 2_000 }),
    sinkOf('invoices', { oldestRowMs: undefined }),
  ]);
  const [plans = '', invoices = ''] = await lines(registry, 'batch_age_seconds');
  const age = Number(plans.split(' ')[1]);
  assert.ok(age >= 2 && age < 60, plans);
  assert.match(invoices, / 0$/);
});

test('lag is reported for each assigned partition', async () => {
  const plans = sinkOf('plans', {
    lag: new Map([
      [0, 12],
      [11, 0],
    ]),
  });
  const registry = createSinkMetrics([plans, sinkOf('invoices')]);
  assert.deepEqual(await lines(registry, 'lag_messages'), [
    'chartmogul_sink_lag_messages{stream="plans",partition="0"} 12',
    'chartmogul_sink_lag_messages{stream="plans",partition="11"} 0',
  ]);
  plans.lag.delete(0);
  assert.deepEqual(await lines(registry, 'lag_messages'), [
    'chartmogul_sink_lag_messages{stream="plans",partition="11"} 0',
  ]);
});

test('sink metrics show current values on every scrape and include streams added later', async () => {
  const counts = [sinkOf('plans', { rows: 1 })];
  const registry = createSinkMetrics(counts);
  await registry.metrics();
  const [plans] = counts;
  if (plans !== undefined) plans.rows = 2;
  counts.push(sinkOf('invoices', { rows: 7 }));
  // Two scrapers read at the same time.
  await Promise.all([registry.metrics(), registry.metrics()]);
  assert.deepEqual(await lines(registry, 'rows_total'), [
    'chartmogul_sink_rows_total{stream="plans",table="plans_raw"} 2',
    'chartmogul_sink_rows_total{stream="invoices",table="invoices_raw"} 7',
  ]);
});

test('each call of createSinkMetrics returns independent metrics', async () => {
  const first = createSinkMetrics([sinkOf('plans', { rows: 1 })]);
  const second = createSinkMetrics([sinkOf('plans', { rows: 2 })]);
  assert.match((await lines(first, 'rows_total')).join(), / 1$/);
  assert.match((await lines(second, 'rows_total')).join(), / 2$/);
});
