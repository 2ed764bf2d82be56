import assert from 'node:assert/strict';
import { once } from 'node:events';
import test from 'node:test';
import { AssignerProtocol } from 'kafkajs';
import { KafkaAdmin } from '../../core/kafka/admin.ts';
import { connectAdmin } from '../helpers/kafka-admin.ts';
import { createKafka } from '../../core/kafka/client.ts';
import { messagesOf } from '../../core/kafka/decoder/packed-batch.ts';
import { readTopics } from '../../core/kafka/topic-reader.ts';
import { topicOf } from '../../core/stream-name.ts';
import { joinLockGroup } from '../../core/kafka/group-lock.ts';
import { createProxy } from '../helpers/proxy.ts';
import { createSettings, noSignal } from '../helpers/settings.ts';
import { createProducer, createTopics } from '../helpers/topic.ts';
import { waitFor } from '../helpers/wait-for.ts';

function openSockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
}

const ONE_ATTEMPT = { attempts: 1, firstDelayMs: 1, maxDelayMs: 1 };

test('one admin client returns all partitions of each topic to many concurrent callers', async (t) => {
  const settings = createSettings(t);
  const streams = Array.from({ length: 26 }, (_, index) => `s${index}`);
  await createTopics(settings, ...streams);
  const connected = await connectAdmin(settings);
  t.after(() => connected.close());
  for (const stream of streams)
    await waitFor(`topic ${stream}`, async () => {
      return (await connected.topicOffsets(topicOf(settings.topicPrefix, stream))) !== undefined;
    });
  const admin = connected.with({ policy: ONE_ATTEMPT });
  for (let round = 0; round < 5; round++) {
    const found = await Promise.all(
      streams.map((stream) =>
        (async () => {
          const topic = topicOf(settings.topicPrefix, stream);
          await admin.offsetsSince(topic, 1);
          return admin.topicOffsets(topic);
        })(),
      ),
    );
    assert.deepEqual(
      found.map((topic) => topic?.partitions.length),
      streams.map(() => 4),
    );
  }
});

for (const isAborted of [true, false])
  test(`a client that closes during its requests${isAborted ? ' and is aborted' : ''} leaves no connection open`, async (t) => {
    const settings = createSettings(t);
    const before = openSockets();
    for (let round = 0; round < 10; round++) {
      const controller = new AbortController();
      const admin = await KafkaAdmin.connect(settings.kafka, 'test', controller.signal);
      const requests = Array.from({ length: 5 }, () => admin.listTopics());
      await Promise.race(requests);
      if (isAborted) controller.abort();
      await Promise.all([admin.close(), Promise.allSettled(requests)]);
      await assert.rejects(admin.listTopics());
    }
    await waitFor('the connections to close', () => openSockets() <= before);
  });

test('a reader that ends after its client is closed leaves no connection open', async (t) => {
  const settings = createSettings(t);
  await createTopics(settings, 'plans');
  const topic = topicOf(settings.topicPrefix, 'plans');
  const producer = await createProducer(t, settings);
  await producer.send({ topic, messages: [{ key: 'a', value: 'b' }] });
  const before = openSockets();
  for (let round = 0; round < 5; round++) {
    const stop = new AbortController();
    const admin = await KafkaAdmin.connect(settings.kafka, 'test', stop.signal);
    const handlers = new Map([[topic, () => stop.abort()]]);
    const reading = readTopics(settings, handlers, stop.signal);
    await Promise.race([reading.catch(() => undefined), once(stop.signal, 'abort')]);
    await Promise.all([admin.close(), Promise.allSettled([reading])]);
  }
  await waitFor('the connections to close', () => openSockets() <= before);
});

/** Creates a topic, and settings that reach its broker through a proxy. */
async function createDistantTopic(t: test.TestContext) {
  const settings = createSettings(t);
  await createTopics(settings, 'plans');
  const proxy = await createProxy(t, `http://${settings.kafka.brokers[0]}/`);
  const kafka = { ...settings.kafka, brokers: [new URL(proxy.url).host] };
  const topic = topicOf(settings.topicPrefix, 'plans');
  return { proxy, settings: { ...settings, kafka }, handlers: new Map([[topic, () => {}]]) };
}

test('a reader that is aborted before Kafka responds does not connect afterwards', async (t) => {
  const { proxy, settings, handlers } = await createDistantTopic(t);
  proxy.cut();
  const stop = new AbortController();
  const reading = readTopics(settings, handlers, stop.signal);
  reading.catch(() => {});
  await waitFor('an attempt to connect', () => proxy.refused > 0);
  stop.abort(new Error('stopped by the user'));
  await assert.rejects(reading, /stopped by the user/);
  proxy.restore();
  // kafkajs would retry after less than 200 ms, and for more than 20 s.
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  assert.equal(proxy.connections, 0);
});

test('a reader ends promptly when it is aborted, even if Kafka does not respond', async (t) => {
  const { proxy, settings, handlers } = await createDistantTopic(t);
  proxy.hang();
  const before = openSockets();
  const stop = new AbortController();
  const reading = readTopics(settings, handlers, stop.signal);
  reading.catch(() => {});
  await waitFor('a connection', () => proxy.connections > 0);
  stop.abort(new Error('stopped by the user'));
  const abortedMs = performance.now();
  await assert.rejects(reading, /stopped by the user/);
  // Without the abort, kafkajs would wait 30 s for a response.
  assert.ok(performance.now() - abortedMs < 10_000);
  await waitFor('the connections to close', () => openSockets() <= before);
});

test('a lock that is released as soon as it has joined closes its connections', async (t) => {
  const settings = createSettings(t);
  await createTopics(settings, 'plans');
  const before = openSockets();
  for (let round = 0; round < 10; round++) {
    const lock = joinLockGroup(
      settings.kafka,
      {
        role: 'test',
        groupId: `${settings.topicPrefix}lock.${round}`,
        topic: topicOf(settings.topicPrefix, 'plans'),
        isHolder: () => true,
      },
      noSignal,
    );
    await lock.joined;
    await lock.release();
  }
  await waitFor('the connections to close', () => openSockets() <= before);
});

test('a consumer that is assigned a deleted topic keeps reading its other topics', async (t) => {
  const settings = createSettings(t);
  await createTopics(settings, 'there');
  const [there, gone] = ['there', 'gone'].map((stream) => topicOf(settings.topicPrefix, stream)) as [
    string,
    string,
  ];
  const producer = await createProducer(t, settings);
  await producer.send({ topic: there, messages: [{ key: 'k', partition: 0, value: 'x' }] });
  const consumer = createKafka(settings.kafka, 'test').consumer({
    groupId: `${settings.topicPrefix}test`,
    allowAutoTopicCreation: false,
    // The assigner acts like the leader of a group that has not yet noticed the deletion of the
    // topic.
    partitionAssigners: [
      () => ({
        name: 'stale',
        version: 1,
        protocol: ({ topics }) => ({
          name: 'stale',
          metadata: AssignerProtocol.MemberMetadata.encode({
            version: 1,
            topics,
            userData: Buffer.alloc(0),
          }),
        }),
        assign: ({ members }) =>
          Promise.resolve(
            members.map(({ memberId }) => ({
              memberId,
              memberAssignment: AssignerProtocol.MemberAssignment.encode({
                version: 1,
                assignment: { [gone]: [0], [there]: [0] },
                userData: Buffer.alloc(0),
              }),
            })),
          ),
      }),
    ],
  });
  t.after(() => consumer.disconnect());
  const crashes: string[] = [];
  consumer.on(consumer.events.CRASH, ({ payload }) => crashes.push(payload.error.message));
  let read = 0;
  await consumer.connect();
  await consumer.subscribe({ topics: [there, gone], fromBeginning: true });
  await consumer.run({
    eachBatch: ({ batch }) => {
      read += [...messagesOf(batch.messages)].length;
      return Promise.resolve();
    },
  });
  await waitFor('the message', () => Promise.resolve(read === 1 || crashes.length > 0));
  assert.deepEqual({ read, crashes }, { read: 1, crashes: [] });
});
