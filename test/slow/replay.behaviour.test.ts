import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { connectAdmin } from '../helpers/kafka-admin.ts';
import { ReplayLock } from '../../operations/replay/replay-lock.ts';
import { qualified } from '../../core/clickhouse/client.ts';
import type { Settings } from '../../core/settings/config.ts';
import { topicOf } from '../../core/stream-name.ts';
import { startCommand } from '../helpers/command.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import { command } from '../helpers/plans-table.ts';
import { assertReconciled } from '../helpers/reconciled.ts';
import { identityOfPlans, replayPlans, shadowTables } from '../helpers/replayed.ts';
import { createSettings, environmentOf, noSignal } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { createProducer, createTopics, messagesOf } from '../helpers/topic.ts';
import { waitFor } from '../helpers/wait-for.ts';

type Plan = readonly [uuid: string, name: string];

/** Plans on the topic, in one request for each list, and in the table. */
async function createPlans(t: TestContext, ...batches: (readonly Plan[])[]): Promise<Settings> {
  const settings = createSettings(t);
  await createTopics(settings, 'plans');
  for (const batch of batches) await sendPlans(t, settings, batch);
  await sinkStreams(settings, 'plans');
  return settings;
}

async function sendPlans(t: TestContext, settings: Settings, plans: readonly Plan[]): Promise<void> {
  const producer = await createProducer(t, settings);
  const records = plans.map(([uuid, name]) => ({ uuid, name }));
  await producer.send({
    topic: topicOf(settings.topicPrefix, 'plans'),
    messages: await messagesOf(settings, 'plans', records),
  });
}

async function namesOf(settings: Settings): Promise<Record<string, unknown>> {
  const rows = await rowsOf(settings, 'SELECT uuid, name FROM plans ORDER BY uuid');
  return Object.fromEntries(rows.map(({ uuid, name }) => [String(uuid), name]));
}

const plansRaw = ({ clickhouse }: Settings) => qualified(clickhouse.database, 'plans_raw');

/** Puts a table in the place of plans that is sorted by another key. */
async function sortOtherwise(settings: Settings): Promise<void> {
  const other = qualified(settings.clickhouse.database, 'other');
  await command(
    settings,
    `CREATE TABLE ${other} AS ${plansRaw(settings)} ENGINE = ReplacingMergeTree(_version, _deleted) ORDER BY (uuid, _offset)`,
    `DROP TABLE ${plansRaw(settings)} SYNC`,
    `RENAME TABLE ${other} TO ${plansRaw(settings)}`,
  );
}

test('a stream of a sink that had stopped goes on when a replay has made its table anew; the process ends well', async (t) => {
  const settings = await createPlans(t, [['a', 'one']]);
  await sortOtherwise(settings);
  const args = ['--streams', 'plans,plan_groups'];
  const running = startCommand(t, 'commands/sink.ts', args, environmentOf(settings));
  await running.logged('stream stopped');
  await replayPlans(settings);
  await sendPlans(t, settings, [['b', 'two']]);
  await waitFor('the stream to go on', async () => 'b' in (await namesOf(settings)));
  running.kill('SIGTERM');
  const { exitCode, stderr } = await running.result;
  assert.equal(exitCode, 0, stderr);
  assert.equal(stderr.split('stream stopped').length, 2, stderr);
  assert.deepEqual(await namesOf(settings), { a: 'one', b: 'two' });
  await assertReconciled(settings, ['plans']);
});

test('a replay of a stream that another one has: refused, and done as soon as that has ended', async (t) => {
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
