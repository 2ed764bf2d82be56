import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import type { Settings } from '../../core/settings/config.ts';
import { withConnections } from '../../core/connections.ts';
import { ConfigError, TopicGoneError } from '../../core/errors.ts';
import { topicOf } from '../../core/stream-name.ts';
import {
  browseMessages,
  type MessagePage,
  type MessageQuery,
} from '../../operations/messages/browse-messages.ts';
import { connectKafkajs } from '../helpers/kafka-admin.ts';
import { createSettings, noSignal } from '../helpers/settings.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { createProducer, createTopics, messagesOf } from '../helpers/topic.ts';

function browse(settings: Settings, query: Partial<MessageQuery>): Promise<MessagePage> {
  return withConnections(settings, { name: 'test', needs: ['admin', 'registry'] }, noSignal, (services) =>
    browseMessages(services, { stream: 'plans', start: { by: 'newest' }, ...query }),
  );
}

function keysOf({ messages }: MessagePage): (string | undefined)[] {
  return messages.map(({ key }) => key?.text);
}

/**
 * Sends plans to partition 0, with these offsets: 0–1 committed, 2 marker, 3–4 aborted, 5 marker, 6
 * tombstone, 7 broken.
 */
async function sendPlans(t: TestContext, settings: Settings): Promise<void> {
  const topic = topicOf(settings.topicPrefix, 'plans');
  const admin = await connectKafkajs(settings.kafka);
  // A topic must have this cleanup policy for Kafka to delete its first messages on request.
  const configEntries = [
    { name: 'cleanup.policy', value: 'delete' },
    { name: 'message.timestamp.type', value: 'LogAppendTime' },
  ];
  await admin.createTopics({ topics: [{ topic, numPartitions: 4, configEntries }], waitForLeaders: true });
  await admin.disconnect();
  const big = 9_007_199_254_740_993n;
  const records = ['pl_0', 'pl_1', 'pl_2', 'pl_3'].map((uuid) => ({ uuid, interval_count: big }));
  const messages = (await messagesOf(settings, 'plans', records)).map((message) => ({
    ...message,
    partition: 0,
    headers: { source: 'test', bytes: Buffer.from([0xff]) },
  }));
  const transactional = await createProducer(t, settings, `${settings.topicPrefix}test`);
  const committed = await transactional.transaction();
  await committed.send({ topic, messages: messages.slice(0, 2) });
  await committed.commit();
  const aborted = await transactional.transaction();
  await aborted.send({ topic, messages: messages.slice(2) });
  await aborted.abort();
  const producer = await createProducer(t, settings);
  await producer.send({
    topic,
    messages: [
      { key: 'pl_0', value: null, partition: 0 },
      { key: Buffer.from([0, 1]), value: Buffer.from('{}'), partition: 0 },
    ],
  });
}

test('browseMessages shows records, tombstones and broken bytes, and skips aborted messages', async (t) => {
  const settings = createSettings(t);
  await sendPlans(t, settings);
  const page = await browse(settings, {});
  assert.deepEqual(
    page.messages.map(({ partition, offset }) => `${partition}/${offset}`),
    ['0/7', '0/6', '0/1', '0/0'],
  );
  assert.deepEqual([page.order, page.next], ['newest first', undefined]);
  const [broken, tombstone, record] = page.messages;
  assert.deepEqual(broken?.key, { text: '0001', isHex: true, isCut: false });
  assert.match(broken.undecoded?.why ?? '', /not in Confluent framing/);
  assert.equal(broken.undecoded?.value.text, Buffer.from('{}').toString('hex'));
  assert.deepEqual([tombstone?.isTombstone, tombstone?.record, tombstone?.undecoded], [true, null, null]);
  assert.match(record?.record?.text ?? '', /"interval_count": 9007199254740993,/);
  assert.equal(typeof record?.schemaId, 'number');
  assert.deepEqual(record?.headers, [
    { name: 'source', value: { text: 'test', isHex: false, isCut: false } },
    { name: 'bytes', value: { text: 'ff', isHex: true, isCut: false } },
  ]);
});

test('browseMessages pages through a topic in both directions', async (t) => {
  const settings = createSettings(t);
  await sendPlans(t, settings);
  const newest = await browse(settings, { limit: 3 });
  assert.ok(newest.next);
  const older = await browse(settings, { limit: 3, cursor: newest.next });
  assert.deepEqual([keysOf(older), older.next], [['pl_0'], undefined]);

  const oldest = await browse(settings, { start: { by: 'time', timeMs: 0 }, limit: 2 });
  assert.deepEqual(keysOf(oldest), ['pl_0', 'pl_1']);
  const later = await browse(settings, { start: { by: 'time', timeMs: 0 }, cursor: oldest.next });
  assert.deepEqual([keysOf(later), later.next], [['pl_0', '0001'], undefined]);
  const none = await browse(settings, { start: { by: 'time', timeMs: Date.now() + 3_600_000 } });
  assert.deepEqual([none.messages, none.next], [[], undefined]);
});

test('browseMessages finds every message with a key', async (t) => {
  const settings = createSettings(t);
  await sendPlans(t, settings);
  const page = await browse(settings, { start: { by: 'key', key: 'pl_0' } });
  assert.deepEqual(
    page.messages.map(({ offset }) => offset),
    [6n, 0n],
  );
  assert.equal(page.scanned, 4);
  const [first] = page.partitions;
  assert.deepEqual([first?.from, first?.to], [0n, 8n]);
  assert.deepEqual(keysOf(await browse(settings, { start: { by: 'key', key: '0x0001' } })), ['0001']);
});

test('browseMessages reports why an offset has no message', async (t) => {
  const settings = createSettings(t);
  await sendPlans(t, settings);
  const at = async (offset: bigint) => {
    const page = await browse(settings, { start: { by: 'offset', offset }, partition: 0, limit: 1 });
    return [page.messages[0]?.offset, page.gap];
  };
  assert.deepEqual(await at(1n), [1n, undefined]);
  assert.deepEqual(await at(2n), [6n, 'marker']);
  assert.deepEqual(await at(3n), [6n, 'aborted']);
  const admin = await connectKafkajs(settings.kafka);
  t.after(() => admin.disconnect());
  const topic = topicOf(settings.topicPrefix, 'plans');
  // kafkajs knows the leaders of the partitions only after this request.
  await admin.fetchTopicOffsets(topic);
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '6' }] });
  assert.deepEqual(await at(1n), [6n, 'before the start']);
});

test('browseMessages ends before an open transaction', async (t) => {
  const settings = createSettings(t);
  await sendPlans(t, settings);
  const topic = topicOf(settings.topicPrefix, 'plans');
  const transactional = await createProducer(t, settings, `${settings.topicPrefix}open`);
  const open = await transactional.transaction();
  await open.send({ topic, messages: [{ key: 'open', value: 'x', partition: 0 }] });
  assert.deepEqual(keysOf(await browse(settings, { limit: 1 })), ['0001']);
  await assert.rejects(
    browse(settings, { start: { by: 'offset', offset: 8n }, partition: 0 }),
    /below the end offset 8/,
  );
  await open.abort();
});

test('browseMessages closes every connection that it opens', async (t) => {
  const settings = createSettings(t);
  await sendPlans(t, settings);
  const producer = await createProducer(t, settings);
  const topic = topicOf(settings.topicPrefix, 'plans');
  const messages = [1, 2, 3].map((partition) => ({ partition, key: 'k', value: 'v' }));
  await producer.send({ topic, messages });
  // The first call opens connections that the process keeps, such as those to the registry.
  await browse(settings, {});
  const sockets = () => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
  const before = sockets();
  for (let call = 0; call < 3; call++) await browse(settings, { start: { by: 'time', timeMs: 0 } });
  await waitFor('closed sockets', () => sockets() <= before);
});

test('browseMessages rejects an invalid query and states the rule', async (t) => {
  const settings = createSettings(t);
  await createTopics(settings, 'plans');
  const wrong: readonly (readonly [Partial<MessageQuery>, RegExp])[] = [
    [{ partition: 9 }, /the partition must be from 0 to 3; got 9/],
    [{ start: { by: 'offset', offset: 0n } }, /an offset needs a partition/],
    [{ start: { by: 'offset', offset: 5n }, partition: 0 }, /below the end offset 0 of partition 0; got 5/],
    [{ start: { by: 'time', timeMs: NaN } }, /the time must be an ISO time/],
    [{ cursor: '0:x' }, /the cursor must look like/],
    [{ limit: 0 }, /the limit must be an integer from 1 to 200; got 0/],
    [{ stream: 'checkpoints' }, /the stream must have a topic of records; got "checkpoints"/],
  ];
  for (const [query, message] of wrong) {
    await assert.rejects(browse(settings, query), (error) => {
      assert.ok(error instanceof ConfigError);
      assert.match(error.message, message);
      return true;
    });
  }
  await assert.rejects(browse(settings, { stream: 'nothing' }), TopicGoneError);
});
