import assert from 'node:assert/strict';
import test from 'node:test';
import { connectAdmin, createKafka } from '../../core/kafka.ts';
import { topicOf } from '../../core/stream-name.ts';
import { readTopics } from '../../core/topic-reader.ts';
import { createSettings, noSignal } from '../helpers/settings.ts';
import { createProducer } from '../helpers/topic.ts';
import { waitFor } from '../helpers/wait-for.ts';

const MESSAGES = 40;

test('a reader that has to join its group again hands no message over twice, and none too late', async (t) => {
  const settings = createSettings(t);
  const admin = await connectAdmin(settings.kafka, 'test', noSignal);
  const topic = topicOf(settings.topicPrefix, 'plans');
  await admin.createTopics({ topics: [{ topic, numPartitions: 2 }], waitForLeaders: true });
  const producer = await createProducer(t, settings);
  // More than one fetch brings.
  const value = Buffer.alloc(500_000);
  for (let n = 0; n < MESSAGES; n++)
    await producer.send({ topic, messages: [{ partition: n % 2, key: 'k', value }] });

  const guest = async () => {
    const { groups } = await admin.listGroups();
    const groupId = groups.find((group) => group.groupId.startsWith(`${settings.topicPrefix}read.`))?.groupId;
    assert.ok(groupId !== undefined);
    const consumer = createKafka(settings.kafka, 'test').consumer({ groupId });
    let hasJoined = false;
    consumer.on(consumer.events.GROUP_JOIN, () => (hasJoined = true));
    await consumer.connect();
    await consumer.subscribe({ topics: [topic] });
    await consumer.run({ autoCommit: false, eachBatch: () => Promise.resolve() });
    await waitFor('the guest to join', () => hasJoined);
    await consumer.disconnect();
  };
  const handed: (readonly [partition: number, offset: number])[] = [];
  let coming: Promise<void> | undefined;
  const handle = ({ offset }: { offset: string }, partition: number) =>
    handed.push([partition, Number(offset)]);
  // When both partitions have been begun, somebody comes and goes.
  const afterFetch = () => {
    if (new Set(handed.map(([partition]) => partition)).size === 2) coming ??= guest();
    return Promise.resolve();
  };
  await readTopics(admin, settings, new Map([[topic, handle]]), noSignal, afterFetch);
  assert.ok(coming !== undefined);
  await coming;
  for (const partition of [0, 1]) {
    const offsets = handed.filter(([of]) => of === partition).map(([, offset]) => offset);
    assert.deepEqual(
      offsets,
      Array.from({ length: MESSAGES / 2 }, (_, offset) => offset),
    );
  }
  await admin.disconnect();
});
