import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import test, { type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { sink } from '../../consumers/run/sink.ts';
import { Random } from '../../simulator/data/random.ts';
import { startCommand } from '../helpers/command.ts';
import { createLoad } from '../helpers/load.ts';
import { assertEachOnce, createUnmergedPlans } from '../helpers/plans-table.ts';
import { assertReconciled } from '../helpers/reconciled.ts';
import { replayPlans, shadowTables, startReader } from '../helpers/replayed.ts';
import { createSettings, environmentOf } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { waitFor } from '../helpers/wait-for.ts';

const PIPELINES = 2;
const KILLS = 6;

/** A new seed for each run. KILL_SEED in the environment repeats an earlier run. */
const seed = Number(process.env['KILL_SEED'] ?? randomInt(1_000_000));

/** Kills replays while a sink runs, each at a random moment before its expected end. */
async function killReplays(t: TestContext, random: Random, pipeline: number): Promise<void> {
  const settings = createSettings(t);
  await createUnmergedPlans(settings);
  const load = await createLoad(t, settings, 50);
  const stop = new AbortController();
  const sinking = sink(settings, { streams: ['plans'], untilCaughtUp: false }, stop.signal);
  sinking.catch(() => {});
  t.after(() => stop.abort());
  const stored = async () => Number((await rowsOf(settings, 'SELECT count() AS n FROM plans'))[0]?.['n']);
  await waitFor('1,000 rows', async () => (await stored()) > 1_000);
  const before = await stored();
  const reader = startReader(t, settings);
  const start = async () => {
    const replay = startCommand(t, 'commands/replay.ts', ['--streams', 'plans'], environmentOf(settings));
    await Promise.race([replay.logged('table created'), replay.result]);
    return { replay, beganMs: performance.now() };
  };
  const whole = await start();
  assert.equal((await whole.replay.result).exitCode, 0);
  const wholeMs = performance.now() - whole.beganMs;

  let done = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const { replay } = await start();
    await delay(random.integer('more', 0, Math.round(wholeMs), pipeline * KILLS + kill));
    replay.kill('SIGKILL');
    if ((await replay.result).exitCode === 0) done++;
  }
  t.diagnostic(
    `${done} of ${KILLS} finished before they were killed; a complete replay takes ${Math.round(wholeMs)} ms`,
  );
  await replayPlans(settings);
  await reader.stop();
  assert.ok(reader.fewest >= before, `a reader saw ${reader.fewest} rows, fewer than the earlier ${before}`);
  assert.deepEqual(await shadowTables(settings), []);
  await load.stop();
  await waitFor('all rows', async () => (await stored()) === load.sent);
  stop.abort();
  const [counts] = await sinking;
  assert.equal(counts?.failure, undefined);
  await assertEachOnce(settings, load.sent);
  await assertReconciled(settings, ['plans']);
}

test(`${PIPELINES * KILLS} killed replays neither hide rows from readers nor store a message twice`, async (t) => {
  t.diagnostic(`KILL_SEED=${seed}`);
  const random = new Random(seed);
  await Promise.all(Array.from({ length: PIPELINES }, (_, pipeline) => killReplays(t, random, pipeline)));
});
