import assert from 'node:assert/strict';
import test from 'node:test';
import { ServiceUnavailableError } from '../../core/errors.ts';
import { createKafka } from '../../core/kafka/client.ts';
import { messagesOf as fetchedMessagesOf } from '../../core/kafka/decoder/packed-batch.ts';
import { PartitionReader } from '../../core/kafka/partition-reader.ts';
import { readTopics, type MessageHandler } from '../../core/kafka/topic-reader.ts';
import { topicOf } from '../../core/stream-name.ts';
import { connectKafkajs } from '../helpers/kafka-admin.ts';
import { createSettings, noSignal } from '../helpers/settings.ts';
import { createProducer } from '../helpers/topic.ts';
import { waitFor } from '../helpers/wait-for.ts';

/**
 * Creates a topic of plans, and a handler that records the partition and offset of each message.
 */
async function createTopic(t: test.TestContext, numPartitions: number) {
  const settings = createSettings(t);
  const admin = await connectKafkajs(settings.kafka);
  t.after(() => admin.disconnect());
  const topic = topicOf(settings.topicPrefix, 'plans');
  // A topic must have this cleanup policy for Kafka to remove its first messages on request.
  const configEntries = [{ name: 'cleanup.policy', value: 'delete' }];
  await admin.createTopics({ topics: [{ topic, numPartitions, configEntries }], waitForLeaders: true });
  const handed: string[] = [];
  const handle: MessageHandler = ({ offset }, partition) => handed.push(`${partition}/${offset}`);
  /** Removes the first messages, as retention does. */
  const removeBefore = async (offset: string) => {
    // kafkajs finds the leaders only of topics whose metadata it has loaded.
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset }] });
  };
  return { settings, admin, topic, handed, handle, removeBefore };
}

const messages = (count: number, partition = 0, value: string | Buffer = 'v') =>
  Array.from({ length: count }, () => ({ partition, value }));

test('a reader of spans receives only the messages of those spans', async (t) => {
  const { settings, topic, handed, handle } = await createTopic(t, 3);
  const producer = await createProducer(t, settings);
  for (const partition of [0, 1, 2]) await producer.send({ topic, messages: messages(20, partition) });
  const spans = new Map([
    [0, { from: 5n, to: 8n }],
    // The partition ends earlier.
    [2, { from: 18n, to: 30n }],
  ]);
  const handlers = new Map([[topic, handle]]);
  const left = await readTopics(settings, handlers, noSignal, { spans: new Map([[topic, spans]]) });
  assert.deepEqual(left, []);
  assert.deepEqual(handed.sort(), ['0/5', '0/6', '0/7', '2/18', '2/19']);
});

test('a reader stops at the end offsets that it first found, and reads a missing topic as empty', async (t) => {
  const { settings, topic, handed, handle } = await createTopic(t, 1);
  const producer = await createProducer(t, settings);
  await producer.send({ topic, messages: messages(2) });
  let isSent = false;
  const handlers = new Map([
    [topic, handle],
    [`${topic}_missing`, handle],
  ]);
  await readTopics(settings, handlers, noSignal, {
    afterFetch: async () => {
      if (!isSent) await producer.send({ topic, messages: messages(3) });
      isSent = true;
    },
  });
  assert.ok(isSent);
  assert.deepEqual(handed, ['0/0', '0/1']);
});

test('a reader does not join a consumer group', async (t) => {
  const { settings, admin, topic, handle } = await createTopic(t, 1);
  const producer = await createProducer(t, settings);
  await producer.send({ topic, messages: messages(1) });
  let groups: readonly string[] | undefined;
  const afterFetch = async () => {
    groups = (await admin.listGroups()).groups.map(({ groupId }) => groupId);
  };
  await readTopics(settings, new Map([[topic, handle]]), noSignal, { afterFetch });
  assert.deepEqual(
    groups?.filter((group) => group.startsWith(settings.topicPrefix)),
    [],
  );
});

test('a reader hands over one fetch at a time, with its messages in order', async (t) => {
  const { settings, topic } = await createTopic(t, 4);
  const producer = await createProducer(t, settings);
  // Each partition requires more than one fetch.
  const large = Buffer.alloc(900_000);
  for (let n = 0; n < 8; n++)
    for (let partition = 0; partition < 4; partition++)
      await producer.send({ topic, messages: messages(1, partition, large) });
  const handed = new Map<number, number[]>();
  let sinceFetch = new Set<number>();
  const handle: MessageHandler = ({ offset }, partition) => {
    sinceFetch.add(partition);
    handed.set(partition, [...(handed.get(partition) ?? []), Number(offset)]);
  };
  let fetches = 0;
  const afterFetch = async () => {
    fetches++;
    assert.equal(sinceFetch.size, 1);
    sinceFetch = new Set();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(sinceFetch.size, 0, 'a message was handed over in the meantime');
  };
  await readTopics(settings, new Map([[topic, handle]]), noSignal, { afterFetch });
  assert.ok(fetches > 4, `${fetches} fetches`);
  const all = [0, 1, 2, 3, 4, 5, 6, 7];
  assert.deepEqual(Object.fromEntries(handed), { 0: all, 1: all, 2: all, 3: all });
});

test('a reader waits for an open transaction, and skips an aborted transaction', async (t) => {
  const { settings, topic, handed, handle } = await createTopic(t, 1);
  const producer = await createProducer(t, settings, `${settings.topicPrefix}test`);
  const aborted = await producer.transaction();
  await aborted.send({ topic, messages: messages(2) });
  await aborted.abort();
  const open = await producer.transaction();
  await open.send({ topic, messages: messages(1) });
  const other = await createProducer(t, settings);
  await other.send({ topic, messages: messages(1) });
  const reading = readTopics(settings, new Map([[topic, handle]]), noSignal);
  let isDone = false;
  const done = reading.then(() => (isDone = true));
  // The broker responds after 100 ms if there is nothing to read.
  await Promise.race([done, new Promise((resolve) => setTimeout(resolve, 300))]);
  assert.ok(!isDone, 'the reader did not wait for the open transaction');
  await open.commit();
  await reading;
  // Offsets 0 and 1 were aborted, and offset 2 is the abort marker.
  assert.deepEqual(handed, ['0/3', '0/4']);
});

test('a reader skips aborted transactions that ended in a different order than they began', async (t) => {
  const { settings, topic, handed, handle } = await createTopic(t, 1);
  const begin = async (name: string) => {
    const producer = await createProducer(t, settings, `${settings.topicPrefix}${name}`);
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: messages(1) });
    return transaction;
  };
  // Kafka lists aborted transactions in the order of their ends.
  const [first, second, third] = [await begin('first'), await begin('second'), await begin('third')];
  await second.abort();
  await first.abort();
  await third.commit();
  await readTopics(settings, new Map([[topic, handle]]), noSignal);
  assert.deepEqual(handed, ['0/2'], 'a reader');

  const consumer = createKafka(settings.kafka, 'test').consumer({ groupId: `${settings.topicPrefix}group` });
  t.after(() => consumer.disconnect());
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  const consumed: string[] = [];
  let end = '';
  await consumer.run({
    autoCommit: false,
    eachBatch: ({ batch }) => {
      for (const { offset } of fetchedMessagesOf(batch.messages)) consumed.push(offset);
      end = batch.lastOffset();
      return Promise.resolve();
    },
  });
  await waitFor('the last marker', () => end === '5');
  assert.deepEqual(consumed, ['2'], 'a consumer');
});

/**
 * Reads 20 messages in several fetches. After the first fetch, all messages before the offset are
 * removed (-1: all messages).
 */
async function readWhileRemoved(t: test.TestContext, offset: string) {
  const { settings, topic, handed, handle, removeBefore } = await createTopic(t, 1);
  const producer = await createProducer(t, settings);
  const large = Buffer.alloc(900_000);
  for (let n = 0; n < 20; n++) await producer.send({ topic, messages: messages(1, 0, large) });
  let isRemoved = false;
  const afterFetch = async () => {
    if (!isRemoved) await removeBefore(offset);
    isRemoved = true;
  };
  const left = await readTopics(settings, new Map([[topic, handle]]), noSignal, { afterFetch });
  return { handed, left };
}

test('a reader skips messages that retention removes during the read', async (t) => {
  const { handed, left } = await readWhileRemoved(t, '15');
  assert.deepEqual(left, []);
  assert.ok(handed.length < 20, `${handed.length} messages`);
  assert.deepEqual(handed.slice(-5), ['0/15', '0/16', '0/17', '0/18', '0/19']);
});

test('a reader ends when its topic is emptied during the read', async (t) => {
  const { handed } = await readWhileRemoved(t, '-1');
  assert.ok(handed.length > 0 && handed.length < 20, `${handed.length} messages`);
});

test('a reader ends when its handler throws or its signal aborts', async (t) => {
  const { settings, topic } = await createTopic(t, 1);
  const producer = await createProducer(t, settings);
  await producer.send({ topic, messages: messages(3) });
  const failing = () => {
    throw new RangeError('from the handler');
  };
  await assert.rejects(readTopics(settings, new Map([[topic, failing]]), noSignal), /from the handler/);
  const stop = new AbortController();
  const open = await createProducer(t, settings, `${settings.topicPrefix}open`);
  const transaction = await open.transaction();
  await transaction.send({ topic, messages: messages(1) });
  let count = 0;
  const reading = readTopics(settings, new Map([[topic, () => count++]]), stop.signal);
  reading.catch(() => {});
  await waitFor('the messages before the transaction', () => count === 3);
  stop.abort(new Error('stopped by the user'));
  await assert.rejects(reading, /stopped by the user/);
  await transaction.abort();
});

test('a reader does not hand over any message after a failure', async (t) => {
  const { settings, topic, handed, handle } = await createTopic(t, 3);
  const producer = await createProducer(t, settings);
  for (const partition of [0, 1, 2]) await producer.send({ topic, messages: messages(1, partition) });
  let fetches = 0;
  const afterFetch = async () => {
    fetches++;
    // Meanwhile, the fetches of the other partitions arrive.
    await new Promise((resolve) => setTimeout(resolve, 300));
    throw new RangeError('from the caller');
  };
  const reading = readTopics(settings, new Map([[topic, handle]]), noSignal, { afterFetch });
  await assert.rejects(reading, /from the caller/);
  assert.deepEqual([fetches, handed.length], [1, 1]);
});

test('a reader includes a transaction that ends while messages are handled, however slowly', async (t) => {
  const { settings, topic, handed, handle } = await createTopic(t, 1);
  const producer = await createProducer(t, settings);
  await producer.send({ topic, messages: messages(1) });
  const other = await createProducer(t, settings, `${settings.topicPrefix}open`);
  const open = await other.transaction();
  await open.send({ topic, messages: messages(1) });
  const now = performance.now.bind(performance);
  let passedMs = 0;
  t.mock.method(performance, 'now', () => now() + passedMs);
  let fetches = 0;
  const afterFetch = async () => {
    // The second fetch returned no messages, because the transaction was still open.
    if (++fetches !== 2) return;
    passedMs = 61_000;
    await open.commit();
  };
  const left = await readTopics(settings, new Map([[topic, handle]]), noSignal, { afterFetch });
  assert.deepEqual(left, []);
  assert.deepEqual(handed, ['0/0', '0/1']);
});

test('a reader waits for all partitions with open transactions at the same time', async (t) => {
  const { settings, topic, handed, handle } = await createTopic(t, 8);
  const other = await createProducer(t, settings, `${settings.topicPrefix}open`);
  const open = await other.transaction();
  const producer = await createProducer(t, settings);
  for (let partition = 0; partition < 8; partition++) {
    await producer.send({ topic, messages: messages(1, partition) });
    await open.send({ topic, messages: messages(1, partition) });
  }
  const now = performance.now.bind(performance);
  let passedMs = 0;
  t.mock.method(performance, 'now', () => now() + passedMs);
  let fetches = 0;
  const afterFetch = () => {
    fetches++;
    passedMs += 10_000;
    return Promise.resolve();
  };
  const left = await readTopics(settings, new Map([[topic, handle]]), noSignal, { afterFetch });
  assert.equal(left.length, 8);
  assert.equal(handed.length, 8);
  // Two fetches per partition, and the fetches during the one-minute wait.
  assert.ok(fetches <= 24, `${fetches} fetches`);
  await open.abort();
});

test('a fetch fails and names the topic if the topic was deleted in the meantime', async (t) => {
  const { settings, admin, topic } = await createTopic(t, 1);
  const fetched = PartitionReader.with(settings.kafka, noSignal, async (reader) => {
    assert.equal((await reader.logs([topic])).length, 1);
    await admin.deleteTopics({ topics: [topic] });
    return reader.fetch(topic, 0, 0n, 1_000);
  });
  await assert.rejects(fetched, (error: Error) => {
    assert.ok(error instanceof ServiceUnavailableError);
    assert.match(error.message, /\.plans has no partition 0: it was deleted/);
    return true;
  });
});
