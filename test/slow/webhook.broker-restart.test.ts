import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toJson } from '../../simulator/data/rendered.ts';
import { createSimulator } from '../../simulator/simulator.ts';
import { sendEvents } from '../../simulator/webhook.ts';
import { eventRecord } from '../../producers/webhook/event-record.ts';
import { withOwnKafka } from '../helpers/own-kafka.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import { createSettings, noSignal } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { createWebhook } from '../helpers/webhook.ts';

const STREAM = 'mrr_movement_events';
/** `EVENTS=100000` sends as many events as the largest accounts receive in several years. */
const EVENTS = Number(process.env['EVENTS'] ?? 10_000);
const RATE = 500;

test(`${EVENTS} events at ${RATE}/s are stored once each despite a broker restart`, async (t) => {
  const shared = createSettings(t);
  const simulator = createSimulator({ customers: EVENTS / 2 });
  const events = [...simulator.events()].slice(0, EVENTS);
  const digests = new Set(events.map((event) => eventRecord(Buffer.from(toJson(event)))['event_digest']));
  assert.equal(digests.size, EVENTS);
  await withOwnKafka(shared, async (kafka) => {
    const { settings } = kafka;
    const { url, stop } = await createWebhook(t, settings);
    let begun = 0;
    const counted = function* () {
      for (const event of events) {
        begun++;
        yield event;
      }
    };
    const options = { url, rate: RATE, duplicates: 0.05, firstRetryMs: 250, seed: 1 };
    const startMs = performance.now();
    const sending = sendEvents(counted(), options, noSignal);
    sending.catch(() => undefined);
    await waitFor('a third of the events', () => begun > EVENTS / 3, 600_000);
    kafka.kill();
    await kafka.start();
    const statistics = await sending;
    t.diagnostic(`${JSON.stringify(statistics)} in ${Math.round((performance.now() - startMs) / 1_000)} s`);
    assert.deepEqual([statistics.sent, statistics.failed], [EVENTS, 0]);
    assert.ok(statistics.retries > 0 && statistics.duplicates > 0, 'no retries or no duplicates');
    await stop();
    await sinkStreams(settings, STREAM);
    const rows = await rowsOf(settings, `SELECT event_digest FROM ${STREAM}`);
    assert.equal(rows.length, EVENTS);
    assert.deepEqual(new Set(rows.map((row) => row['event_digest'])), digests);
    const [raw] = await rowsOf(settings, `SELECT count() AS messages FROM ${STREAM}_raw`);
    t.diagnostic(`${String(raw?.['messages'])} rows before merges`);
  });
});
