import assert from 'node:assert/strict';
import { test } from 'node:test';
import kafkajs from 'kafkajs';
import { connectKafkajs } from '../helpers/kafka-admin.ts';
import { createTopics } from '../helpers/topic.ts';
import { deadLetterHeaders } from '../../core/dead-letters/format.ts';
import { deadLettersTopic, topicOf } from '../../core/stream-name.ts';
import { createApiServer } from '../helpers/api-server.ts';
import { produceStreams } from '../helpers/pipeline.ts';
import { keysOf, readTopic } from '../helpers/read-topic.ts';
import { createSettings } from '../helpers/settings.ts';

test('a record above the request limit of a broker is rejected, even if its topic accepts it', async (t) => {
  const huge = `{"uuid":"huge","name":"${'x'.repeat(120_000_000)}"}`;
  const { baseUrl } = await createApiServer(t, {
    '/plans': (_, response) => {
      response.write(`{"plans":[{"uuid":"a"},`);
      response.write(huge);
      response.end(`,{"uuid":"b"}],"has_more":false}`);
    },
  });
  const settings = createSettings(t, baseUrl);
  const topic = topicOf(settings.topicPrefix, 'plans');
  const admin = await connectKafkajs(settings.kafka);
  await createTopics(settings, 'plans');
  const configEntries = [{ name: 'max.message.bytes', value: '500000000' }];
  await admin.alterConfigs({
    validateOnly: false,
    resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic, configEntries }],
  });
  await admin.disconnect();
  const [counts] = await produceStreams(settings, 'plans');
  assert.equal(counts?.failure, undefined);
  assert.deepEqual(
    { messages: counts?.messages, deadLettered: counts?.deadLettered },
    { messages: 2, deadLettered: 1 },
  );
  assert.deepEqual(await keysOf(settings, topic), ['a', 'b']);
  const [deadLetter] = await readTopic(settings, deadLettersTopic(settings.topicPrefix));
  assert.equal(String(deadLetter?.headers[deadLetterHeaders.truncated]), String(huge.length));
  assert.ok(deadLetter?.value && huge.startsWith(deadLetter.value.toString('utf8')));
});
