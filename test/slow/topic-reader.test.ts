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

test('a reader that must rejoin its group passes every message once, and none too late', async (t) => {
  const settings = createSettings(t);
  const admin = await connectKafkajs(settings.kafka);
  const topic = topicOf(settings.topicPrefix, 'plans');
  await admin.createTopics({ topics: [{ topic, numPartitions: 2 }], waitForLeaders: true });
  const producer = await createProducer(t, settings);
  // More than one fetch returns.
  const value = Buffer.alloc(500_000);
  for (let n = 0; n < MESSAGES; n++)
    await producer.send({ topic, messages: [{ partition: n % 2, key: 'k', value }] });

  let leave: Promise<void> | undefined;
  /**
   * Another member joins the reader's group and leaves at once. Resolves when the reader must
   * rejoin.
   */
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
    // The reader checks at intervals and would otherwise finish before it learns of the rebalance.
    await delay(HEARTBEAT_MS);
  };
  const handed: (readonly [partition: number, offset: number])[] = [];
  const handle = ({ offset }: { offset: string }, partition: number) =>
    handed.push([partition, Number(offset)]);
  // Both partitions have begun, and neither has reached its end.
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
