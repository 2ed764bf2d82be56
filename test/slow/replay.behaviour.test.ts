import assert from 'node:assert/strict';
import test from 'node:test';
import { connectAdmin } from '../helpers/kafka-admin.ts';
import { ReplayLock } from '../../operations/replay/replay-lock.ts';
import { qualified } from '../../core/clickhouse/client.ts';
import type { Settings } from '../../core/settings/config.ts';
import { startCommand } from '../helpers/command.ts';
import { command, plansTable } from '../helpers/plans-table.ts';
import { assertReconciled } from '../helpers/reconciled.ts';
import { identityOfPlans, replayPlans, shadowTables } from '../helpers/replayed.ts';
import { environmentOf, noSignal } from '../helpers/settings.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { createPlans, sendPlans, namesOf } from '../helpers/named-plans.ts';

/** Replaces the table of plans by one with another sorting key. */
async function sortOtherwise(settings: Settings): Promise<void> {
  const other = qualified(settings.clickhouse.database, 'other');
  await command(
    settings,
    `CREATE TABLE ${other} AS ${plansTable(settings)} ENGINE = ReplacingMergeTree(_version, _deleted) ORDER BY (uuid, _offset)`,
    `DROP TABLE ${plansTable(settings)} SYNC`,
    `RENAME TABLE ${other} TO ${plansTable(settings)}`,
  );
}

test('a failed stream of a running sink resumes once a replay has recreated its table', async (t) => {
  const settings = await createPlans(t, [['a', 'one']]);
  await sortOtherwise(settings);
  const args = ['--streams', 'plans,plan_groups'];
  const running = startCommand(t, 'commands/sink.ts', args, environmentOf(settings));
  await running.logged('stream stopped');
  await replayPlans(settings);
  await sendPlans(t, settings, [['b', 'two']]);
  await waitFor('the stream to resume', async () => 'b' in (await namesOf(settings)));
  running.kill('SIGTERM');
  const { exitCode, stderr } = await running.result;
  assert.equal(exitCode, 0, stderr);
  assert.equal(stderr.split('stream stopped').length, 2, stderr);
  assert.deepEqual(await namesOf(settings), { a: 'one', b: 'two' });
  await assertReconciled(settings, ['plans']);
});

test('a replay of a stream under replay is rejected, and runs once the other has ended', async (t) => {
  const settings = await createPlans(t, [['a', 'one']]);
  const before = await identityOfPlans(settings);
  const admin = await connectAdmin(settings);
  t.after(() => admin.close());
  const other = await ReplayLock.acquire(admin, settings, 'plans', noSignal);
  try {
    await assert.rejects(
      replayPlans(settings),
      /another replay of plans .* is running .* nothing was changed/,
    );
  } finally {
    await other.release();
  }
  assert.equal(await identityOfPlans(settings), before);
  assert.deepEqual(await shadowTables(settings), []);
  await replayPlans(settings);
  assert.deepEqual(await namesOf(settings), { a: 'one' });
});
