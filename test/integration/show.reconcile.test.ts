import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ReconcileState } from '../../dashboard/api/reconcile.ts';
import { createDashboard, endOf } from '../helpers/dashboard.ts';
import { createPlans } from '../helpers/named-plans.ts';
import { command, plansTable } from '../helpers/plans-table.ts';

test('the dashboard compares, reports a missing row, and repairs it on request', async (t) => {
  const settings = await createPlans(t, [
    ['a', 'one'],
    ['b', 'two'],
  ]);
  await command(settings, `DELETE FROM ${plansTable(settings)} WHERE uuid = 'a'`);
  const dashboard = await createDashboard(t, settings);
  const get = () => dashboard.get<ReconcileState>('/api/reconcile');
  const run = async (body: object) => {
    await dashboard.post('/api/reconcile', body);
    return (await endOf(get, ({ job }) => job.state === 'running')).job;
  };
  assert.equal((await get()).job.state, 'idle');
  assert.equal(
    await dashboard.postWithoutToken('/api/reconcile', { comparesSource: false, isRepair: true }),
    403,
  );

  const request = { streams: ['plans'], comparesSource: false, isRepair: false };
  const compared = await run(request);
  const { equal, missing, examples } = compared.result?.streams['plans'] ?? {};
  assert.deepEqual(
    { state: compared.state, equal, missing, examples },
    { state: 'done', equal: false, missing: 1, examples: [{ key: 'a', kind: 'missing' }] },
  );

  const repaired = await run({ ...request, isRepair: true });
  assert.equal(repaired.result?.equal, true);
  assert.equal(repaired.result.streams['plans']?.repair?.inserted, 1);

  const wrong = await run({ ...request, streams: ['plams'] });
  assert.equal(wrong.state, 'failed');
  assert.match(wrong.error?.message ?? '', /plams/);
});

test('the dashboard rejects a second comparison, and cancels the running one on request', async (t) => {
  const settings = await createPlans(t, [['a', 'one']]);
  const dashboard = await createDashboard(t, settings);
  const request = { comparesSource: false, isRepair: false };
  const started = await dashboard.post<ReconcileState>('/api/reconcile', request);
  assert.equal(started.job.state, 'running');
  await assert.rejects(dashboard.post('/api/reconcile', request), /409|a comparison is running/);
  await dashboard.post('/api/reconcile/cancel', {});
  const { job } = await endOf(
    () => dashboard.get<ReconcileState>('/api/reconcile'),
    (state) => state.job.state === 'running',
  );
  assert.equal(job.state, 'cancelled');
});
