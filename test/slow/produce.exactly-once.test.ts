import assert from 'node:assert/strict';
import { test } from 'node:test';
import { committedMessages, folded } from '../helpers/committed.ts';
import { killSeed, KilledRuns, streamNames } from '../helpers/killed-runs.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import { assertReconciled } from '../helpers/reconciled.ts';
import { assertTruth, truthOf } from '../helpers/truth.ts';

test(`each record is one message after 20 kills and one complete run (KILL_SEED=${killSeed})`, async (t) => {
  const runs = await KilledRuns.begin(t, { customers: 500, seed: 11 });
  for (let round = 0; round < 5; round++) await runs.kill(['start', 'read', 'read', 'read']);
  await runs.finish();
  t.diagnostic(runs.summary);
  for (const [stream, messages] of await committedMessages(runs.settings, ...streamNames)) {
    assert.equal(
      new Set(messages.map(({ key }) => key)).size,
      messages.length,
      `${stream}: a key occurs twice`,
    );
    await assertTruth(runs.settings, stream, folded(messages), truthOf(runs.simulator, stream));
  }
  for (const { stream, failure } of await sinkStreams(runs.settings))
    assert.equal(failure, undefined, stream);
  await assertReconciled(runs.settings);
});
