import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import kafkajs, { type Admin } from 'kafkajs';
import { connectKafkajs } from '../helpers/kafka-admin.ts';
import type { Settings } from '../../core/settings/config.ts';
import { topicOf } from '../../core/stream-name.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import { readTopic } from '../helpers/read-topic.ts';
import { assertReconciled, comparisonOf } from '../helpers/reconciled.ts';
import { createSettings } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { createProducer, messagesOf } from '../helpers/topic.ts';
import { waitFor } from '../helpers/wait-for.ts';

/**
 * The size of a batch. No two batches fit into the smallest segment that Kafka allows, so each has
 * its own segment.
 */
const BATCH_BYTES = 700_000;
const SEGMENT_BYTES = 1024 * 1024;

async function createTopic({ kafka }: Settings, topic: string): Promise<void> {
  await withAdmin(kafka, async (admin) => {
    const configEntries = entriesOf({
      'cleanup.policy': 'delete',
      'retention.ms': '-1',
      'segment.bytes': String(SEGMENT_BYTES),
      'message.timestamp.type': 'LogAppendTime',
    });
    await admin.createTopics({ topics: [{ topic, numPartitions: 1, configEntries }], waitForLeaders: true });
  });
}

/**
 * Makes the broker compact the topic soon. The broker compacts each segment separately, and never
 * the last one.
 */
async function compact({ kafka }: Settings, topic: string): Promise<void> {
  const { BROKER, TOPIC } = kafkajs.ConfigResourceTypes;
  const config = {
    'cleanup.policy': 'compact',
    'min.cleanable.dirty.ratio': '0',
    'segment.bytes': String(SEGMENT_BYTES),
    'message.timestamp.type': 'LogAppendTime',
  };
  await withAdmin(kafka, async (admin) => {
    const { brokers } = await admin.describeCluster();
    const ofBrokers = brokers.map(({ nodeId }) => ({
      type: BROKER,
      name: String(nodeId),
      configEntries: entriesOf({ 'log.cleaner.backoff.ms': '200' }),
    }));
    const ofTopic = { type: TOPIC, name: topic, configEntries: entriesOf(config) };
    await admin.alterConfigs({ validateOnly: false, resources: [...ofBrokers, ofTopic] });
  });
}

async function withAdmin(kafka: Settings['kafka'], work: (admin: Admin) => Promise<void>): Promise<void> {
  const admin = await connectKafkajs(kafka);
  try {
    await work(admin);
  } finally {
    await admin.disconnect();
  }
}

function entriesOf(config: Readonly<Record<string, string>>) {
  return Object.entries(config).map(([name, value]) => ({ name, value }));
}

/**
 * Sends a batch with its own producer, because compaction keeps the last batch of a producer even
 * if it is empty.
 */
async function sendBatch(
  t: TestContext,
  settings: Settings,
  keys: readonly number[],
  count: number,
  messageKey?: string,
) {
  const producer = await createProducer(t, settings);
  const name = 'x'.repeat(BATCH_BYTES / keys.length);
  const records = keys.map((key) => ({ uuid: `pl_${key}`, interval_count: count, name }));
  const messages = (await messagesOf(settings, 'plans', records)).map(({ key, ...message }) => ({
    ...message,
    key: messageKey ?? key,
  }));
  await producer.send({ topic: topicOf(settings.topicPrefix, 'plans'), messages });
}

test('readers skip batches emptied by compaction, even if a fetch returns nothing else', async (t) => {
  const settings = createSettings(t);
  const topic = topicOf(settings.topicPrefix, 'plans');
  await createTopic(settings, topic);
  const keys = Array.from({ length: 10 }, (_, key) => key);
  // Compaction empties the first two segments. It never compacts the last segment.
  for (const count of [1, 2, 3]) await sendBatch(t, settings, keys, count);
  await sendBatch(t, settings, [10, 11, 12, 0, 1], 4);
  await sendBatch(t, settings, [11, 12, 13], 5);
  await sendBatch(t, settings, [14], 6);
  await compact(settings, topic);
  // 4 of the last 19 messages were replaced.
  await waitFor('the log to be compacted', async () => (await readTopic(settings, topic)).length === 15);
  const [counts] = await sinkStreams(settings, 'plans');
  assert.deepEqual({ failure: counts?.failure, rows: counts?.rows }, { failure: undefined, rows: 15 });
  const rows = await rowsOf(settings, 'SELECT interval_count, count() AS n FROM plans GROUP BY 1 ORDER BY 1');
  assert.deepEqual(
    rows.map((row) => [row['interval_count'], row['n']]),
    [
      [3, 8],
      [4, 3],
      [5, 3],
      [6, 1],
    ],
  );
  await assertReconciled(settings, ['plans']);
});

test('rows of compacted messages with a shared key are not strays, and a repair keeps them', async (t) => {
  const settings = createSettings(t);
  const topic = topicOf(settings.topicPrefix, 'plans');
  await createTopic(settings, topic);
  for (const key of [1, 2, 3]) await sendBatch(t, settings, [key], 1, 'c1');
  await sendBatch(t, settings, [9], 1);
  await sinkStreams(settings, 'plans');
  await compact(settings, topic);
  await waitFor('the log to be compacted', async () => (await readTopic(settings, topic)).length === 2);
  const { examples, isByKey, repair } = await comparisonOf(settings, 'plans', { isRepair: true });
  assert.deepEqual({ examples, isByKey, repair }, { examples: [], isByKey: false, repair: undefined });
  const rows = await rowsOf(settings, 'SELECT uuid FROM plans ORDER BY 1');
  assert.deepEqual(
    rows.map(({ uuid }) => uuid),
    ['pl_1', 'pl_2', 'pl_3', 'pl_9'],
  );
});
