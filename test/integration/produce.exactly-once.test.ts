import assert from 'node:assert/strict';
import { test } from 'node:test';
import { committedMessages, folded } from '../helpers/committed.ts';
import { killSeed, KilledRuns, streamNames } from '../helpers/killed-runs.ts';
import { assertTruth, truthOf } from '../helpers/truth.ts';

async function assertEachOnce({ settings, simulator }: KilledRuns): Promise<void> {
  for (const [stream, messages] of await committedMessages(settings, ...streamNames)) {
    assert.equal(new Set(messages.map(({ key }) => key)).size, messages.length, `${stream}: a key twice`);
    await assertTruth(settings, stream, folded(messages), truthOf(simulator, stream));
  }
}

test(`each record is one message, however often the producer is killed (KILL_SEED=${killSeed})`, async (t) => {
  const runs = await KilledRuns.begin(t, { customers: 500, seed: 11 });
  for (let round = 0; round < 4; round++) await runs.kill(['start', 'read', 'read', 'read']);
  // The first run that comes to its end: what was lost before, no later run has healed.
  await runs.finish();
  await assertEachOnce(runs);
  await runs.kill(['end', 'end', 'start', 'end']);
  await runs.finish();
  await assertEachOnce(runs);
  t.diagnostic(runs.summary);
});
