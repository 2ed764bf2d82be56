import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { ProducerMetrics } from '../../../../producers/report/producer-metrics.ts';
import { StreamCounts } from '../../../../producers/report/stream-counts.ts';

const BEGIN_MS = Date.UTC(2026, 0, 1);
const run = (some: Partial<StreamCounts> = {}, stream = 'plans'): StreamCounts =>
  Object.assign(new StreamCounts(stream, `chartmogul.${stream}`), {
    state: 'reading',
    startedAtMs: BEGIN_MS,
    ...some,
  });

/** Returns the value of a metric by stream. */
async function values(metrics: ProducerMetrics, name: string): Promise<Record<string, number>> {
  const metric = metrics.registry.getSingleMetric(`chartmogul_produce_${name}`);
  assert.ok(metric, name);
  const { values: samples } = await metric.get();
  return Object.fromEntries(samples.map(({ labels, value }) => [String(labels['stream']), value]));
}

const counters: [name: string, some: Partial<StreamCounts>, value: number][] = [
  ['requests_total', { requests: 2 }, 2],
  ['retries_total', { retries: 3 }, 3],
  ['rate_limited_total', { rateLimited: 4 }, 4],
  ['pages_total', { pages: 5 }, 5],
  ['records_total', { records: 6 }, 6],
  ['new_total', { new: 7 }, 7],
  ['changed_total', { changed: 8 }, 8],
  ['deleted_total', { deleted: 9 }, 9],
  ['messages_total', { messages: 10 }, 10],
  ['bytes_total', { bytes: 11 }, 11],
  ['discarded_total', { discarded: 12 }, 12],
  ['new_fields_total', { newFields: [{ field: 'a', type: 'long' }] }, 1],
  ['seconds_total', { state: 'done', seconds: 1.5 }, 1.5],
  ['runs_total', { state: 'done' }, 1],
  ['runs_total', { state: 'stopped' }, 1],
  ['runs_total', { state: 'deleting' }, 0],
  ['failures_total', { state: 'failed' }, 1],
  ['failures_total', { state: 'stopped', failure: new Error('stopped') }, 0],
];
for (const [name, some, value] of counters) {
  test(`${name} adds up over runs with ${JSON.stringify(some)}`, async () => {
    const metrics = new ProducerMetrics(['plans', 'invoices']);
    metrics.follow([run(some)]);
    assert.deepEqual(await values(metrics, name), { plans: value, invoices: 0 });
    metrics.follow([run(some)]);
    assert.deepEqual(await values(metrics, name), { plans: 2 * value, invoices: 0 });
    const text = await metrics.registry.metrics();
    assert.match(text, new RegExp(`^# TYPE chartmogul_produce_${name} counter$`, 'm'));
  });
}

test('known streams have metrics before their first run, and new ones from their first run', async () => {
  const metrics = new ProducerMetrics(['plans']);
  for (const name of ['records_total', 'dead_letters', 'last_success_timestamp_seconds', 'failed'])
    assert.deepEqual(await values(metrics, name), { plans: 0 }, name);
  metrics.follow([run({ records: 5 }, 'invoices')]);
  assert.deepEqual(await values(metrics, 'records_total'), { plans: 0, invoices: 5 });
});

test('a counter grows during a run and never falls between runs', async () => {
  const growth = fc.record({
    records: fc.nat(1_000),
    state: fc.constantFrom('reading', 'done', 'failed', 'stopped'),
  });
  const runs = fc.array(fc.array(growth, { maxLength: 4 }), { maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(runs, async (all) => {
      const metrics = new ProducerMetrics(['plans']);
      let expected = 0;
      for (const steps of all) {
        const counts = run();
        metrics.follow([counts]);
        for (const { records, state } of steps) {
          Object.assign(counts, { records: counts.records + records, state });
          expected += records;
          assert.deepEqual(await values(metrics, 'records_total'), { plans: expected });
        }
      }
    }),
  );
});

test('last success is the end of the last complete run, and failed reflects the latest run', async () => {
  const metrics = new ProducerMetrics(['plans']);
  const lastSuccessAndFailed = async () => [
    (await values(metrics, 'last_success_timestamp_seconds'))['plans'],
    (await values(metrics, 'failed'))['plans'],
  ];
  const counts = run();
  metrics.follow([counts]);
  assert.deepEqual(await lastSuccessAndFailed(), [0, 0]);
  Object.assign(counts, { state: 'done', seconds: 12.5 });
  const endedAt = BEGIN_MS / 1000 + 12.5;
  assert.deepEqual(await lastSuccessAndFailed(), [endedAt, 0]);

  const second = run({ startedAtMs: BEGIN_MS + 60_000 });
  metrics.follow([second]);
  assert.deepEqual(await lastSuccessAndFailed(), [endedAt, 0]);
  Object.assign(second, { state: 'failed', seconds: 1, failure: new Error('away') });
  assert.deepEqual(await lastSuccessAndFailed(), [endedAt, 1]);

  const third = run({ startedAtMs: BEGIN_MS + 120_000 });
  metrics.follow([third]);
  assert.deepEqual(await lastSuccessAndFailed(), [endedAt, 1]);
  Object.assign(third, { state: 'done', seconds: 3 });
  assert.deepEqual(await lastSuccessAndFailed(), [BEGIN_MS / 1000 + 123, 0]);
});

test('an unfinished run does not lower the number of dead letters', async () => {
  const metrics = new ProducerMetrics(['plans']);
  const deadLetters = async () => (await values(metrics, 'dead_letters'))['plans'];
  metrics.follow([run({ state: 'done', deadLettered: 3 })]);
  assert.equal(await deadLetters(), 3);
  const second = run();
  metrics.follow([second]);
  assert.equal(await deadLetters(), 3);
  second.deadLettered = 4;
  assert.equal(await deadLetters(), 4);
  Object.assign(second, { deadLettered: 1, state: 'done' });
  assert.equal(await deadLetters(), 1);
});
