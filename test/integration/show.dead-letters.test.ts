import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DeadLetterDetails, DeadLetterList, SettleJob } from '../../dashboard/api/dead-letters.ts';
import { createDashboard, endOf, type TestDashboard } from '../helpers/dashboard.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import { createRefusingTable, dropConstraints, storedOffsets } from '../helpers/refusing-table.ts';

async function settle(dashboard: TestDashboard, body: unknown): Promise<SettleJob> {
  await dashboard.post('/api/dead-letters/settle', body);
  return endOf(
    () => dashboard.get<SettleJob>('/api/dead-letters/job'),
    ({ state }) => state === 'running',
  );
}

test('the dashboard lists, shows, redrives and discards dead letters', async (t) => {
  const { settings, sendPlans } = await createRefusingTable(t);
  await sendPlans(13, 1, 26, 39);
  await sinkStreams(settings, 'plans');
  const dashboard = await createDashboard(t, settings);
  const list = (query = '') => dashboard.get<DeadLetterList>(`/api/dead-letters${query}`);

  const pending = await list();
  assert.deepEqual(pending.counts, { waiting: 3, redriven: 0, discarded: 0 });
  assert.deepEqual(
    pending.kinds.map(({ stream, step, count }) => ({ stream, step, count })),
    [{ stream: 'plans', step: 'sink', count: 3 }],
  );
  assert.equal((await list('?text=pl_26')).total, 1);
  assert.equal((await list('?stream=customers')).total, 0);
  const idOf = (key: string) => pending.deadLetters.find(({ recordKey }) => recordKey === key)?.id ?? '';

  const details = await dashboard.get<DeadLetterDetails>(`/api/dead-letters/${idOf('pl_13')}`);
  assert.deepEqual(
    { partition: details.partition, offset: details.offset, state: details.state },
    { partition: 2, offset: 1, state: 'waiting' },
  );
  assert.match(details.record ?? '', /"interval_count": 13/);

  const request = { action: 'redrive', ids: [idOf('pl_13')] };
  assert.equal(await dashboard.postWithoutToken('/api/dead-letters/settle', request), 403);
  const again = await settle(dashboard, request);
  assert.deepEqual(outcomesOf(again), ['failed']);
  assert.deepEqual((await list()).counts.waiting, 3);

  await dropConstraints(settings);
  const redriven = await settle(dashboard, { action: 'redrive', ids: [idOf('pl_13'), idOf('pl_26')] });
  assert.deepEqual(
    { state: redriven.state, outcomes: outcomesOf(redriven) },
    {
      state: 'done',
      outcomes: ['redriven', 'redriven'],
    },
  );
  assert.deepEqual(await storedOffsets(settings), [0, 1, 2, 3]);

  const discarded = await settle(dashboard, {
    action: 'discard',
    ids: [idOf('pl_39'), idOf('pl_13')],
    reason: 'test data',
  });
  assert.deepEqual(outcomesOf(discarded).sort(), ['discarded', 'skipped']);
  assert.deepEqual((await list('?state=discarded')).counts, { waiting: 0, redriven: 2, discarded: 1 });
});

function outcomesOf({ progress }: SettleJob): string[] {
  return progress?.settled.map(({ outcome }) => outcome) ?? [];
}
