import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../core/json.ts';
import { columnsOf, warningsOf } from '../helpers/found-views.ts';
import { createSender, sinkAll } from '../helpers/sender.ts';
import { createSettings } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';

const activity = {
  uuid: 'act_1',
  date: '2026-01-31T23:30:00+00:00',
  type: 'new_biz',
  'activity-mrr-movement': 100,
};

test("mrr_by_month lists each month from the first movement to now in the account's time zone", async (t) => {
  const settings = createSettings(t);
  const send = await createSender(t, settings);
  const move = (uuid: string, date: string | null, type: string, cents: number | null): JsonObject => ({
    uuid,
    date,
    type,
    'activity-mrr-movement': cents,
  });
  const months = async (until: string) => {
    const rows = await rowsOf(
      settings,
      `SELECT * EXCEPT (_changed_at) FROM mrr_by_month WHERE month <= '${until}' ORDER BY month`,
    );
    return rows.map((row) => Object.values(row));
  };
  // No account yet.
  await send('activities', []);
  await sinkAll(settings, 'activities');
  assert.deepEqual(await columnsOf(settings, 'mrr_by_month'), []);
  await send('account', []);
  await sinkAll(settings, 'account');
  assert.deepEqual(await rowsOf(settings, 'SELECT * FROM mrr_by_month'), [], 'the view must be empty');

  await send('activities', [
    move('a', '2025-10-31T22:59:59+00:00', 'new_biz', 1000),
    move('b', '2025-10-31T23:00:00+00:00', 'expansion', 200),
    move('c', '2026-02-10T00:00:00+00:00', 'contraction', -300),
    move('d', '2026-02-11T00:00:00+00:00', 'churn', -900),
    move('e', '2026-02-28T23:30:00+00:00', 'reactivation', 50),
    move('f', null, 'new_biz', 1),
    move('g', '2026-02-12T00:00:00+00:00', 'new_biz', null),
    move('h', '2026-02-12T00:00:00+00:00', 'of_another_type', 5),
  ]);
  await sinkAll(settings, 'activities');
  const utc = [
    ['2025-10-01', 0, 1000, 200, 0, 0, 0, 1200],
    ['2025-11-01', 1200, 0, 0, 0, 0, 0, 1200],
    ['2025-12-01', 1200, 0, 0, 0, 0, 0, 1200],
    ['2026-01-01', 1200, 0, 0, 0, 0, 0, 1200],
    ['2026-02-01', 1200, 0, 0, -300, -900, 50, 50],
    ['2026-03-01', 50, 0, 0, 0, 0, 0, 50],
  ];
  assert.deepEqual(await months('2026-03-01'), utc, 'without an account, the time zone must be UTC');
  const [last] = await rowsOf(
    settings,
    "SELECT max(month) = toStartOfMonth(now(), 'UTC') AS is_now FROM mrr_by_month",
  );
  assert.deepEqual(last, { is_now: 1 });

  for (const zone of [null, '']) {
    await send('account', [{ id: 'acc_1', time_zone: zone }]);
    await sinkAll(settings, 'account');
    assert.deepEqual(await months('2026-03-01'), utc, `an account with the zone ${zone}`);
  }
  await send('account', [{ id: 'acc_1', time_zone: 'Europe/Berlin' }]);
  await sinkAll(settings, 'account');
  assert.deepEqual(await months('2026-03-01'), [
    ['2025-10-01', 0, 1000, 0, 0, 0, 0, 1000],
    ['2025-11-01', 1000, 0, 200, 0, 0, 0, 1200],
    ...utc.slice(2, 4),
    ['2026-02-01', 1200, 0, 0, -300, -900, 0, 0],
    ['2026-03-01', 0, 0, 0, 0, 0, 50, 50],
  ]);
  const changes = await rowsOf(
    settings,
    'SELECT countIf(_changed_at < (SELECT min(_timestamp) FROM activities_raw)) AS n, count() > 5 AS some FROM mrr_by_month',
  );
  assert.deepEqual(changes, [{ n: 0, some: 1 }]);
});

test('an account with an unknown time zone does not stop a stream', async (t) => {
  const settings = createSettings(t);
  const send = await createSender(t, settings);
  await send('account', [{ id: 'acc_1', time_zone: 'Middle Earth' }]);
  await sinkAll(settings, 'account');
  const warnings = warningsOf(t);
  await send('activities', [activity]);
  await sinkAll(settings, 'activities');
  const about = warnings.filter((message) => message.includes('mrr_by_month'));
  assert.equal(about.length, 1);
  assert.match(about[0] ?? '', /cannot be created; the stream continues without it: .*Middle Earth/);
  assert.deepEqual(await rowsOf(settings, 'SELECT count() AS n FROM mrr_movements'), [{ n: 1 }]);
  await send('account', [{ id: 'acc_1', time_zone: 'Asia/Tokyo' }]);
  await sinkAll(settings, 'account');
  await sinkAll(settings, 'activities');
  assert.deepEqual(await rowsOf(settings, 'SELECT month FROM mrr_by_month LIMIT 1'), [
    { month: '2026-02-01' },
  ]);
});
