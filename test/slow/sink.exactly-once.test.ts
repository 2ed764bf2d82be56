import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import test, { type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Random } from '../../simulator/data/random.ts';
import { startCommand } from '../helpers/command.ts';
import { createLoad } from '../helpers/load.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import { assertEachOnce, createUnmergedPlans } from '../helpers/plans-table.ts';
import { assertReconciled } from '../helpers/reconciled.ts';
import { createSettings, environmentOf } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { waitFor } from '../helpers/wait-for.ts';

const PIPELINES = 5;
const KILLS = 10;
const MAX_MORE_MS = 900;

/** A new seed for each run. KILL_SEED in the environment repeats an earlier run. */
const seed = Number(process.env['KILL_SEED'] ?? randomInt(1_000_000));

/** Kills sinks under load, each at a random moment after its first insert. */
async function killSinks(t: TestContext, random: Random, pipeline: number): Promise<void> {
  const settings = createSettings(t);
  await createUnmergedPlans(settings);
  const load = await createLoad(t, settings, 100);
  const stored = async () => Number((await rowsOf(settings, 'SELECT count() AS n FROM plans_raw'))[0]?.['n']);
  for (let kill = 0; kill < KILLS; kill++) {
    const before = await stored();
    const sink = startCommand(t, 'commands/sink.ts', ['--streams', 'plans'], environmentOf(settings));
    await waitFor(`the rows of sink ${kill}`, async () => (await stored()) > before);
    await delay(random.integer('more', 0, MAX_MORE_MS, pipeline * KILLS + kill));
    sink.kill('SIGKILL');
    assert.equal((await sink.result).exitCode, null);
  }
  await load.stop();
  const [counts] = await sinkStreams(settings, 'plans');
  assert.equal(counts?.failure, undefined);
  await assertEachOnce(settings, load.sent);
  const [again] = await sinkStreams(settings, 'plans');
  assert.equal(again?.rows, 0);
  await assertReconciled(settings, ['plans']);
}

test(`every message is stored once when ${PIPELINES * KILLS} sinks are killed under load`, async (t) => {
  t.diagnostic(`KILL_SEED=${seed}`);
  const random = new Random(seed);
  await Promise.all(Array.from({ length: PIPELINES }, (_, pipeline) => killSinks(t, random, pipeline)));
});
