import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { connectAdmin } from '../helpers/kafka-admin.ts';
import { sink } from '../../consumers/run/sink.ts';
import { qualified } from '../../core/clickhouse/client.ts';
import { ServiceUnavailableError } from '../../core/errors.ts';
import { logger } from '../../core/logger.ts';
import { topicOf } from '../../core/stream-name.ts';
import { readTopics } from '../../core/kafka/topic-reader.ts';
import { withOwnKafka } from '../helpers/own-kafka.ts';
import { assertEachOnce, command } from '../helpers/plans-table.ts';
import { createSettings, noSignal } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { createProducer, createTopics, messagesOf } from '../helpers/topic.ts';
import { waitFor } from '../helpers/wait-for.ts';

const MIB = 1024 * 1024;
/** kafkajs retries for about 23 s before it stops a consumer, and restarts it up to 10 s later. */
const CRASH_MS = 60_000;
const BACK_MS = 90_000;

const plans = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => ({
    uuid: `pl_${from + index}`,
    interval_count: from + index,
  }));

/**
 * Returns a function that counts the consumers of this process that kafkajs has stopped because
 * Kafka did not respond.
 */
function countCrashes(t: TestContext): () => number {
  let crashes = 0;
  t.mock.method(logger, 'debug', (_: unknown, text?: string) => {
    if (text?.startsWith('Crash: ') === true) crashes++;
  });
  return () => crashes;
}

test('a sink survives a Kafka outage that ends its consumer and a table dropped meanwhile', async (t) => {
  await withOwnKafka(createSettings(t), async (kafka) => {
    const { settings } = kafka;
    const [topic, large] = ['plans', 'invoices'].map((stream) => topicOf(settings.topicPrefix, stream));
    assert.ok(topic !== undefined && large !== undefined);
    await createTopics(settings, 'plans', 'invoices');
    const producer = await createProducer(t, settings);
    await producer.send({ topic, messages: await messagesOf(settings, 'plans', plans(0, 100)) });
    // More data than one fetch returns.
    const value = Buffer.alloc(MIB);
    for (let n = 0; n < 12; n++)
      await producer.send({ topic: large, messages: [{ key: String(n), partition: 0, value }] });
    const stop = new AbortController();
    const sinking = sink(settings, { streams: ['plans'], untilCaughtUp: false }, stop.signal);
    const admin = await connectAdmin(settings);
    try {
      const hasRows = async (n: number) => {
        const [row] = await rowsOf(settings, 'SELECT count() AS n FROM plans_raw').catch(() => []);
        return row?.['n'] === n;
      };
      await Promise.race([waitFor('the first rows', () => hasRows(100)), sinking]);
      const crashes = countCrashes(t);
      let killed = () => {};
      const isKilled = new Promise<void>((resolve) => (killed = resolve));
      let isReading = false;
      const reading = readTopics(settings, new Map([[large, () => (isReading = true)]]), noSignal, {
        afterFetch: () => isKilled,
      });
      const refused = assert.rejects(reading, ServiceUnavailableError);
      await waitFor('the first fetch', () => isReading);
      kafka.kill();
      killed();
      await waitFor('the end of the consumer', () => crashes() >= 1, CRASH_MS);
      // The sink restarts the stream with a new table even though there is no consumer to pause.
      await command(settings, `DROP TABLE ${qualified(settings.clickhouse.database, 'plans_raw')}`);
      await Promise.race([refused, sinking.then(() => assert.fail('the sink has ended'))]);

      await kafka.start();
      await producer.send({ topic, messages: await messagesOf(settings, 'plans', plans(100, 200)) });
      await Promise.race([waitFor('all rows', () => hasRows(200), BACK_MS), sinking]);
      await assertEachOnce(settings, 200);
      stop.abort();
      const [counts] = await sinking;
      assert.equal(counts?.failure, undefined);
    } finally {
      stop.abort();
      await Promise.allSettled([sinking, admin.close(), producer.disconnect()]);
    }
  });
});
