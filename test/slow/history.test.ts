import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import test, { type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import kafkajs from 'kafkajs';
import { sink } from '../../consumers/run/sink.ts';
import type { Settings } from '../../core/settings/config.ts';
import { topicOf } from '../../core/stream-name.ts';
import { Random } from '../../simulator/data/random.ts';
import { startCommand } from '../helpers/command.ts';
import { connectKafkajs } from '../helpers/kafka-admin.ts';
import {
  planMessages,
  sendVersions,
  shownVersions,
  sunk,
  versionCount,
  versionsOf,
  withHistory,
} from '../helpers/plan-history.ts';
import { command, plansTable } from '../helpers/plans-table.ts';
import { assertReconciled } from '../helpers/reconciled.ts';
import { replayPlans } from '../helpers/replayed.ts';
import { createSettings, environmentOf } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { createProducer, createTopics, messagesOf } from '../helpers/topic.ts';
import { waitFor } from '../helpers/wait-for.ts';

const KILLS = 8;
const MAX_MORE_MS = 900;
const KEYS = 40;
const TICK_MS = 40;

/** A new seed for each run. KILL_SEED in the environment repeats an earlier run. */
const seed = Number(process.env['KILL_SEED'] ?? randomInt(1_000_000));

/** Sends versions and deletes of a few plans until stopped. */
async function sendChanges(t: TestContext, settings: Settings, random: Random): Promise<() => Promise<void>> {
  const producer = await createProducer(t, settings);
  const topic = topicOf(settings.topicPrefix, 'plans');
  const stopping = new AbortController();
  const sending = (async () => {
    for (let tick = 0; !stopping.signal.aborted; tick++) {
      const keys = Array.from(
        { length: 20 },
        (_, n) => `pl_${random.integer('key', 0, KEYS - 1, tick * 20 + n)}`,
      );
      const plans = keys.map((uuid, n) => ({ uuid, name: `name ${(tick + n) % 3}`, interval_count: tick }));
      const messages = await messagesOf(settings, 'plans', plans);
      const some = messages.map((message, n) => (n % 7 === 0 ? { key: message.key, value: null } : message));
      await producer.send({ topic, messages: some });
      await delay(TICK_MS);
    }
  })();
  sending.catch(() => {});
  const stop = async () => {
    stopping.abort();
    await sending;
  };
  t.after(stop);
  return stop;
}

async function assertHistory(settings: Settings): Promise<void> {
  assert.deepEqual(await shownVersions(settings), versionsOf(await planMessages(settings)));
  await assertReconciled(settings, ['plans']);
}

test(`a history equals the messages after ${KILLS} kills of the sink and a replay`, async (t) => {
  t.diagnostic(`KILL_SEED=${seed}`);
  const random = new Random(seed);
  const settings = withHistory(createSettings(t), 'plans');
  await createTopics(settings, 'plans');
  const stop = await sendChanges(t, settings, random);
  const stored = async () => {
    const [row] = await rowsOf(settings, 'SELECT max(_offset) AS n FROM plans_raw').catch(() => []);
    return Number(row?.['n'] ?? 0);
  };
  for (let kill = 0; kill < KILLS; kill++) {
    const before = await stored();
    const running = startCommand(t, 'commands/sink.ts', ['--streams', 'plans'], environmentOf(settings));
    await waitFor(`the rows of sink ${kill}`, async () => (await stored()) > before, 60_000);
    await delay(random.integer('more', 0, MAX_MORE_MS, kill));
    running.kill('SIGKILL');
    await running.result;
    // Without merges, the next sink would find earlier versions in the table.
    await command(settings, `OPTIMIZE TABLE ${plansTable(settings)} FINAL`);
  }
  await stop();
  await sunk(settings);
  await assertHistory(settings);

  const stopAgain = await sendChanges(t, settings, random);
  const end = new AbortController();
  const sinking = sink(settings, { streams: ['plans'], untilCaughtUp: false }, end.signal);
  sinking.catch(() => {});
  t.after(() => end.abort());
  await replayPlans(settings);
  await stopAgain();
  end.abort();
  await sinking;
  await sunk(settings);
  await assertHistory(settings);
});

test('a history begins with the rows of the table, and a replay adds the rest of the topic', async (t) => {
  const settings = createSettings(t);
  const kept = withHistory(settings, 'plans');
  await createTopics(settings, 'plans');
  await sendVersions(
    t,
    settings,
    { uuid: 'a', name: 'one' },
    { uuid: 'b', name: 'b' },
    { uuid: 'a', name: 'two' },
  );
  await sunk(settings);
  await command(settings, `OPTIMIZE TABLE ${settings.clickhouse.database}.plans_raw FINAL`);
  await sunk(kept);
  assert.equal(await versionCount(kept), 2);
  await assertReconciled(kept, ['plans']);

  // Without the setting, the history does not receive rows. When the setting is restored, the
  // history receives the rows of the table.
  await sendVersions(t, settings, { uuid: 'a', name: 'three' }, 'b', { uuid: 'd', name: 'd' });
  await sunk(settings);
  assert.equal(await versionCount(kept), 2);
  await assertReconciled(settings, ['plans']);
  await sunk(kept);
  assert.equal(await versionCount(kept), 5);
  await assertReconciled(kept, ['plans']);

  await replayPlans(kept);
  await rowsOf(kept, 'OPTIMIZE TABLE plans_raw_history FINAL');
  assert.equal(await versionCount(kept), 6);
  assert.deepEqual(await shownVersions(kept), versionsOf(await planMessages(kept)));
});

test('a history keeps the versions that compaction removes, even after a replay', async (t) => {
  const settings = withHistory(createSettings(t), 'plans');
  const topic = topicOf(settings.topicPrefix, 'plans');
  const config = (policy: string) => [
    { name: 'cleanup.policy', value: policy },
    { name: 'segment.bytes', value: String(1024 * 1024) },
    { name: 'min.cleanable.dirty.ratio', value: '0' },
    { name: 'message.timestamp.type', value: 'LogAppendTime' },
  ];
  const admin = await connectKafkajs(settings.kafka);
  t.after(() => admin.disconnect());
  await admin.createTopics({
    topics: [{ topic, numPartitions: 1, configEntries: config('delete') }],
    waitForLeaders: true,
  });
  // Each version has its own segment.
  const name = 'x'.repeat(700_000);
  for (const version of [1, 2, 3])
    await sendVersions(t, settings, { uuid: 'a', name, interval_count: version });
  await sendVersions(t, settings, { uuid: 'b', name, interval_count: 1 });
  await sunk(settings);
  const expected = versionsOf(await planMessages(settings));
  assert.equal(expected.length, 4);
  const { BROKER, TOPIC } = kafkajs.ConfigResourceTypes;
  const { brokers } = await admin.describeCluster();
  const backOff = [{ name: 'log.cleaner.backoff.ms', value: '200' }];
  await admin.alterConfigs({
    validateOnly: false,
    resources: [
      ...brokers.map(({ nodeId }) => ({ type: BROKER, name: String(nodeId), configEntries: backOff })),
      { type: TOPIC, name: topic, configEntries: config('compact') },
    ],
  });
  await waitFor('the log to be compacted', async () => (await planMessages(settings)).length === 2, 60_000);
  await replayPlans(settings);
  await sunk(settings);
  assert.deepEqual(await shownVersions(settings), expected);
  await assertReconciled(settings, ['plans']);
});
