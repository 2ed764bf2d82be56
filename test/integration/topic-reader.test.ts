import assert from 'node:assert/strict';
import test from 'node:test';
import { connectAdmin, connectKafkajs } from '../helpers/kafka-admin.ts';
import { topicOf } from '../../core/stream-name.ts';
import { readTopics } from '../../core/kafka/topic-reader.ts';
import { createSettings, noSignal } from '../helpers/settings.ts';
import { createProducer } from '../helpers/topic.ts';

test('a reader of a span receives only the messages of that span and of no other partition', async (t) => {
  const settings = createSettings(t);
  const admin = await connectKafkajs(settings.kafka);
  t.after(() => admin.disconnect());
  const topic = topicOf(settings.topicPrefix, 'plans');
  await admin.createTopics({ topics: [{ topic, numPartitions: 3 }], waitForLeaders: true });
  const producer = await createProducer(t, settings);
  for (const partition of [0, 1, 2])
    await producer.send({ topic, messages: Array.from({ length: 20 }, () => ({ partition, value: 'v' })) });
  const handed: string[] = [];
  const handle = ({ offset }: { offset: string }, partition: number) => handed.push(`${partition}/${offset}`);
  const spans = new Map([
    [0, { from: 5n, to: 8n }],
    // Kafka has fewer.
    [2, { from: 18n, to: 30n }],
  ]);
  const handlers = new Map([[topic, handle]]);
  const reader = await connectAdmin(settings);
  t.after(() => reader.close());
  const left = await readTopics(reader, settings, handlers, noSignal, { spans: new Map([[topic, spans]]) });
  assert.deepEqual(left, []);
  assert.deepEqual(handed.sort(), ['0/5', '0/6', '0/7', '2/18', '2/19']);
});
