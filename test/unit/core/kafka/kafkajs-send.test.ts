import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import test from 'node:test';
import { Kafka, Partitioners, type Message } from 'kafkajs';
import { byPartition, kafkaClass } from '../../../../core/kafka/kafkajs-send.ts';

const partitionMetadata = Array.from({ length: 4 }, (_, partitionId) => ({
  ...{ partitionErrorCode: 0, partitionId, leader: 1, replicas: [1], isr: [1] },
}));
const options = {
  cluster: {
    addMultipleTargetTopics: () => Promise.resolve(),
    refreshMetadataIfNecessary: () => Promise.resolve(),
    refreshMetadata: () => Promise.resolve(),
    findTopicPartitionMetadata: () => partitionMetadata,
    isConnected: () => true,
    connect: () => Promise.resolve(),
  },
  partitioner: Partitioners.DefaultPartitioner(),
  retrier: <T>(work: () => Promise<T>) => work(),
};
const messages: Message[] = Array.from({ length: 40 }, (_, n) => ({ key: `k${n}`, value: String(n) }));
const partitionOf = (message: Message) => options.partitioner({ topic: 'a', partitionMetadata, message });

test('each kafkajs request contains the messages of one partition, in order', async () => {
  const sent: Message[][] = [];
  const send = byPartition(({ topicMessages }) => {
    const [part, ...others] = topicMessages;
    assert.ok(part !== undefined && others.length === 0);
    sent.push([...part.messages]);
    const partition = partitionOf(part.messages[0] ?? { value: null });
    return Promise.resolve([{ topicName: part.topic, partition, errorCode: 0 }]);
  }, options);
  const results = await send({ topicMessages: [{ topic: 'a', messages }] });
  assert.deepEqual(results.map(({ partition }) => partition).sort(), [0, 1, 2, 3]);
  for (const part of sent) {
    // kafkajs's own partitioner chooses the same partitions.
    assert.equal(new Set(part.map(partitionOf)).size, 1);
    const numbers = part.map(({ value }) => Number(value));
    assert.deepEqual(
      numbers,
      [...numbers].sort((a, b) => a - b),
    );
  }
  assert.deepEqual(new Set(sent.flat().map(({ key }) => key)), new Set(messages.map(({ key }) => key)));
});

test('the metadata of a topic is requested again if it is missing', async () => {
  let known: typeof partitionMetadata = [];
  const cluster = {
    ...options.cluster,
    findTopicPartitionMetadata: () => known,
    refreshMetadata: () => {
      known = partitionMetadata;
      return Promise.resolve();
    },
  };
  const retrier = <T>(work: () => Promise<T>) => work().catch(() => work());
  const send = byPartition(() => Promise.resolve([]), { ...options, cluster, retrier });
  await send({ topicMessages: [{ topic: 'a', messages }] });
  assert.equal(known, partitionMetadata);
});

test('the remaining partitions are not sent after a failed request', async () => {
  let requests = 0;
  const send = byPartition(() => {
    requests++;
    return Promise.reject(new Error('no leader'));
  }, options);
  await assert.rejects(send({ topicMessages: [{ topic: 'a', messages }] }), /no leader/);
  assert.equal(requests, 1);
});

test('the patched kafkajs client sends by partition', () => {
  const require = createRequire(import.meta.url);
  const patched = kafkaClass();
  assert.notEqual(patched, Kafka);
  assert.equal(kafkaClass(), patched);
  assert.match(String(require('kafkajs/src/producer/sendMessages.js')), /byPartition/);
});
