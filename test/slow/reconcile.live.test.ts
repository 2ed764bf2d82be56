import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { sink } from '../../consumers/run/sink.ts';
import { qualified } from '../../core/clickhouse/client.ts';
import { topicOf } from '../../core/stream-name.ts';
import { command } from '../helpers/plans-table.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import { assertReconciled } from '../helpers/reconciled.ts';
import { createSettings } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { createProducer, createTopics, messagesOf } from '../helpers/topic.ts';
import { waitFor } from '../helpers/wait-for.ts';

const KEYS = 300;
const PER_TICK = 60;
const TICK_MS = 30;
const LOOKS = 4;

test('reconcile reports only real differences while the topic grows and a sink runs', async (t) => {
  const settings = createSettings(t);
  await createTopics(settings, 'plans');
  const topic = topicOf(settings.topicPrefix, 'plans');
  const producer = await createProducer(t, settings);
  const stop = new AbortController();
  let sent = 0;
  const produce = async () => {
    while (!stop.signal.aborted) {
      const records = Array.from({ length: PER_TICK }, (_, index) => ({
        uuid: `pl_${((sent + index) * 7) % KEYS}`,
        interval_count: sent + index,
      }));
      const messages = await messagesOf(settings, 'plans', records);
      const deletes = records.slice(0, 9).map(({ uuid }) => ({ key: uuid, value: null }));
      await producer.send({ topic, messages: [...messages, ...deletes] });
      sent += PER_TICK;
      await delay(TICK_MS);
    }
  };
  const producing = produce();
  const sinking = sink(settings, { streams: ['plans'], untilCaughtUp: false }, stop.signal);
  t.after(() => stop.abort());
  const stored = () => rowsOf(settings, 'SELECT * FROM plans_raw LIMIT 1').catch(() => []);
  await waitFor('the first rows', async () => (await stored()).length > 0);
  for (let look = 0; look < LOOKS; look++) {
    const before = sent;
    await assertReconciled(settings, ['plans']);
    assert.ok(sent > before, 'the topic did not grow');
  }
  // reconcile checks a difference twice and reports it if it persists.
  const table = qualified(settings.clickhouse.database, 'plans_raw');
  await command(settings, `INSERT INTO ${table} (uuid, _version) VALUES ('pl_by_hand', 1)`);
  await assertReconciled(settings, ['plans'], { plans: { stray: 1 } });
  await command(settings, `DELETE FROM ${table} WHERE uuid = 'pl_by_hand'`);
  stop.abort();
  await Promise.all([producing, sinking]);
  await sinkStreams(settings, 'plans');
  await assertReconciled(settings, ['plans']);
});
