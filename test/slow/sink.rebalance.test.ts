import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startCommand } from '../helpers/command.ts';
import { createLoad } from '../helpers/load.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import { assertEachOnce, createUnmergedPlans } from '../helpers/plans-table.ts';
import { assertReconciled } from '../helpers/reconciled.ts';
import { createSettings, environmentOf } from '../helpers/settings.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { rowsOf } from '../helpers/table-rows.ts';

const MAX_STOP_MS = 10_000;

test('a sink suspended during a rebalance inserts nothing from its former partitions', async (t) => {
  const settings = createSettings(t);
  await createUnmergedPlans(settings);
  const load = await createLoad(t, settings, 50);
  const start = () => startCommand(t, 'commands/sink.ts', ['--streams', 'plans'], environmentOf(settings));
  const stored = async () =>
    (await rowsOf(settings, 'SELECT count() AS n, max(_timestamp) AS newest FROM plans_raw'))[0];
  const flows = async () => {
    const { sent } = load;
    await waitFor(`${sent} rows`, async () => Number((await stored())?.['n']) >= sent);
  };
  const sleeper = start();
  await flows();
  // Suspends the sink right after an insert, so that it sleeps with a half-filled batch.
  const before = await stored();
  await waitFor('an insert', async () => (await stored())?.['n'] !== before?.['n']);
  await delay(300);
  sleeper.kill('SIGSTOP');
  const other = start();
  await flows();
  sleeper.kill('SIGCONT');
  await flows();
  for (const sink of [sleeper, other]) sink.kill('SIGTERM');
  for (const sink of [sleeper, other]) assert.equal((await sink.result).exitCode, 0);
  await load.stop();
  await sinkStreams(settings, 'plans');
  await assertEachOnce(settings, load.sent);
  await assertReconciled(settings, ['plans']);
});

test('sinks that start and stop under load neither lose nor duplicate messages', async (t) => {
  const settings = createSettings(t);
  await createUnmergedPlans(settings);
  const load = await createLoad(t, settings, 200);
  const start = () => startCommand(t, 'commands/sink.ts', ['--streams', 'plans'], environmentOf(settings));
  const stop = async (sink: ReturnType<typeof start>) => {
    const startMs = performance.now();
    sink.kill('SIGTERM');
    const { exitCode, stderr } = await sink.result;
    assert.equal(exitCode, 0, stderr);
    assert.ok(performance.now() - startMs < MAX_STOP_MS, 'the sink took too long to stop');
  };
  /**
   * Waits until everything sent so far is stored, so that the owners of the partitions are active.
   */
  const flows = async () => {
    const { sent } = load;
    await waitFor(`${sent} rows`, async () => {
      const [row] = await rowsOf(settings, 'SELECT count() AS n FROM plans_raw');
      return Number(row?.['n']) >= sent;
    });
  };
  const first = start();
  await flows();
  const [second, third] = [start(), start()];
  await Promise.all([second.logged('"consuming topics"'), third.logged('"consuming topics"')]);
  await flows();
  await stop(first);
  await flows();
  await stop(second);
  await flows();
  await stop(third);
  await load.stop();
  await sinkStreams(settings, 'plans');
  await assertEachOnce(settings, load.sent);
  await assertReconciled(settings, ['plans']);
});
