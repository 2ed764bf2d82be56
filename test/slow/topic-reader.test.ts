import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { connectAdmin, connectKafkajs } from '../helpers/kafka-admin.ts';
import { createKafka } from '../../core/kafka/client.ts';
import { topicOf } from '../../core/stream-name.ts';
import { readTopics } from '../../core/kafka/topic-reader.ts';
import { createSettings, noSignal } from '../helpers/settings.ts';
import { createProducer } from '../helpers/topic.ts';
import { waitFor } from '../helpers/wait-for.ts';

const MESSAGES = 40;
const HEARTBEAT_MS = 3_500;

test('a reader that has to join its group again hands no message over twice, and none too late', async (t) => {
  const settings = createSettings(t);
  const admin = await connectKafkajs(settings.kafka);
  const topic = topicOf(settings.topicPrefix, 'plans');
  await admin.createTopics({ topics: [{ topic, numPartitions: 2 }], waitForLeaders: true });
  const producer = await createProducer(t, settings);
  // More than one fetch brings.
  const value = Buffer.alloc(500_000);
  for (let n = 0; n < MESSAGES; n++)
    await producer.send({ topic, messages: [{ partition: n % 2, key: 'k', value }] });

  let leave: Promise<void> | undefined;
  /** Somebody joins the reader's group, and leaves it as soon as it is in; returns when the reader will have to join again. */
  const invite = async () => {
    const { groups } = await admin.listGroups();
    const groupId = groups.find((group) => group.groupId.startsWith(`${settings.topicPrefix}read.`))?.groupId;
    assert.ok(groupId !== undefined);
    const guest = createKafka(settings.kafka, 'test').consumer({ groupId });
    let hasJoined = false;
    guest.on(guest.events.GROUP_JOIN, () => (hasJoined = true));
    await guest.connect();
    await guest.subscribe({ topics: [topic] });
    const running = guest.run({ autoCommit: false, eachBatch: () => Promise.resolve() });
    leave = waitFor('the guest to join', () => hasJoined).then(async () => {
      await running;
      await guest.disconnect();
    });
    await waitFor('the group to notice', async () => {
      const { groups: described } = await admin.describeGroups([groupId]);
      return described.some(({ state }) => state === 'PreparingRebalance');
    });
    // It asks only so often, and else would be done before it is told.
    await delay(HEARTBEAT_MS);
  };
  const handed: (readonly [partition: number, offset: number])[] = [];
  const handle = ({ offset }: { offset: string }, partition: number) =>
    handed.push([partition, Number(offset)]);
  // When both partitions have been begun, and neither has come to its end.
  const afterFetch = async () => {
    if (leave === undefined && new Set(handed.map(([partition]) => partition)).size === 2) await invite();
  };
  const reader = await connectAdmin(settings);
  t.after(() => reader.close());
  await readTopics(reader, settings, new Map([[topic, handle]]), noSignal, { afterFetch });
  assert.ok(leave !== undefined);
  await leave;
  for (const partition of [0, 1]) {
    const offsets = handed.filter(([of]) => of === partition).map(([, offset]) => offset);
    assert.deepEqual(
      offsets,
      Array.from({ length: MESSAGES / 2 }, (_, offset) => offset),
    );
  }
  await admin.disconnect();
});
