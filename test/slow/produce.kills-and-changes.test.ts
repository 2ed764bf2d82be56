import assert from 'node:assert/strict';
import { test } from 'node:test';
import { streams } from '../../producers/chartmogul/streams.ts';
import { committedMessages, folded, type Committed } from '../helpers/committed.ts';
import { killSeed, KilledRuns, streamNames } from '../helpers/killed-runs.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import { assertReconciled } from '../helpers/reconciled.ts';
import { assertTruth, truthOf } from '../helpers/truth.ts';

/**
 * Returns whether a stream finds renewals only in the next full refresh, because they do not change
 * the customer.
 */
const isBehind = (stream: string) =>
  streams.some(({ name, parent }) => name === stream && parent?.visit === 'changed');

/** Asserts that every message differs from the previous message with the same key. */
function assertNothingTwice(stream: string, messages: readonly Committed[]): void {
  const last = new Map<string, string | undefined>();
  for (const { key, hash } of messages) {
    assert.ok(!last.has(key) || last.get(key) !== hash, `${stream} ${key} was sent twice`);
    last.set(key, hash);
  }
}

/**
 * The first run resumes after the last kill and deletes nothing. Keys without a lookup must be
 * missing from two more runs.
 */
const RUNS_TO_THE_LAST_DELETE = 3;

test(`killed runs over a changing account send each change once (KILL_SEED=${killSeed})`, async (t) => {
  const runs = await KilledRuns.begin(t, { customers: 300, seed: 12, drift: true, deletes: 0.02 });
  const { simulator, settings } = runs;
  await runs.finish();
  const before = new Map(streamNames.map((stream) => [stream, truthOf(simulator, stream)]));
  await runs.kill(['end', 'end', 'read']);
  simulator.moveTo(1);
  await runs.kill(['read', 'start', 'read', 'end', 'end']);
  for (let run = 0; run < RUNS_TO_THE_LAST_DELETE; run++) await runs.finish();
  const sent = await committedMessages(settings, ...streamNames);
  await runs.finish();
  for (const [stream, messages] of await committedMessages(settings, ...streamNames))
    assert.equal(
      messages.length,
      sent.get(stream)?.length,
      `${stream}: a run over an unchanged account sent messages`,
    );
  t.diagnostic(runs.summary);
  for (const [stream, messages] of sent) {
    assertNothingTwice(stream, messages);
    const earlier = isBehind(stream) ? before.get(stream) : undefined;
    await assertTruth(settings, stream, folded(messages), truthOf(simulator, stream), earlier);
  }
  const deleted = [...sent.values()].flat().filter(({ value }) => value === null);
  assert.ok(deleted.length > 0, 'no record was deleted');
  for (const { stream, failure } of await sinkStreams(settings)) assert.equal(failure, undefined, stream);
  await assertReconciled(settings);
});
