import assert from 'node:assert/strict';
import test from 'node:test';
import type { KafkaAdmin } from '../../core/kafka/admin.ts';
import { topicOf } from '../../core/stream-name.ts';
import { TransactionalProducer } from '../../producers/publish/transactional-producer.ts';
import { connectAdmin } from '../helpers/kafka-admin.ts';
import { createSettings } from '../helpers/settings.ts';
import { createTopics } from '../helpers/topic.ts';

const MESSAGES = 40;

/** Commits one transaction with messages for each topic. */
async function commit(producer: TransactionalProducer, topics: readonly string[], round: number) {
  const messages = Array.from({ length: MESSAGES }, (_, index) => ({
    key: `${round}/${index}`,
    value: Buffer.alloc(500),
    headers: {},
  }));
  await producer.commit(topics.map((topic) => ({ topic, messages })));
}

test('readers see the last transaction once the producer has waited for it', async (t) => {
  const settings = createSettings(t);
  const streams = ['a', 'b', 'c'];
  await createTopics(settings, ...streams);
  const topics = streams.map((stream) => topicOf(settings.topicPrefix, stream));
  const admin = await connectAdmin(settings);
  t.after(() => admin.close());
  const producer = await TransactionalProducer.connect(settings, 'a');
  t.after(() => producer.close());
  for (let round = 1; round <= 40; round++) {
    await commit(producer, topics, round);
    await TransactionalProducer.awaitVisible(admin, [producer]);
    const ends = await admin.endOffsets(topics);
    const seen = ends.reduce((sum, { end }) => sum + Number(end), 0);
    // Each of the four partitions also has a marker per transaction.
    assert.equal(seen, topics.length * (MESSAGES + 4) * round, `round ${round}`);
  }
});

test('a producer waits while any partition ends before its last transaction', async (t) => {
  const settings = createSettings(t);
  await createTopics(settings, 'a');
  const topic = topicOf(settings.topicPrefix, 'a');
  const admin = await connectAdmin(settings);
  t.after(() => admin.close());
  const producer = await TransactionalProducer.connect(settings, 'a');
  t.after(() => producer.close());
  await commit(producer, [topic], 1);
  let asked = 0;
  const late = {
    topicOffsets: async () => {
      const offsets = await admin.topicOffsets(topic);
      if (++asked > 3) return offsets;
      return {
        partitions: offsets?.partitions.map((partition, index) =>
          index === 2 ? { ...partition, end: 0n } : partition,
        ),
      };
    },
  } as unknown as KafkaAdmin;
  const other = await TransactionalProducer.connect(settings, 'b');
  t.after(() => other.close());
  await TransactionalProducer.awaitVisible({ with: () => late } as unknown as KafkaAdmin, [other, producer]);
  assert.equal(asked, 4);
});
