import assert from 'node:assert/strict';
import test from 'node:test';
import { topicOf } from '../../core/stream-name.ts';
import { freePort } from '../../services/local-address.ts';
import { createSinkBench, READ_WITHIN_MS, startSink } from '../helpers/sink-bench.ts';
import { createTopics } from '../helpers/topic.ts';
import { waitFor } from '../helpers/wait-for.ts';

test('a deleted topic stops only its own stream, and new topics and partitions are read', async (t) => {
  const { settings, admin, send, hasRows, metric } = await createSinkBench(t);
  const topic = topicOf(settings.topicPrefix, 'plans');
  const { stop } = startSink(t, settings, undefined);
  // A second sink in the group, which reads only these two topics.
  const secondPort = await freePort();
  const second = startSink(t, { ...settings, metricsPort: secondPort }, ['plans', 'tasks']);
  await waitFor('the topics', async () => (await admin.listTopics()).includes(topic));
  await send('plans', 0, 10);
  await send('tasks', 0, 10);
  await hasRows('plans', 10);
  await hasRows('tasks', 10);

  await admin.deleteTopics({ topics: [topic] });
  await waitFor('the failure', async () => (await metric('failed', 'plans')) === 1, READ_WITHIN_MS);
  await send('tasks', 10, 20);
  await hasRows('tasks', 20);
  assert.equal(await metric('failed', 'tasks'), 0);
  assert.ok(!(await admin.listTopics()).includes(topic), 'a client recreated the topic');

  await createTopics(settings, 'brand_new');
  await send('brand_new', 0, 10);
  await admin.createPartitions({
    topicPartitions: [{ topic: topicOf(settings.topicPrefix, 'tasks'), count: 5 }],
  });
  await send('tasks', 20, 30, 4);
  await hasRows('brand_new', 10);
  await hasRows('tasks', 30);

  await createTopics(settings, 'plans');
  await send('plans', 0, 3);
  await hasRows('plans', 13);
  await waitFor(
    'the end of the failure',
    async () => (await metric('failed', 'plans')) === 0,
    READ_WITHIN_MS,
  );
  // The topic is recreated immediately with the same number of messages, so only its id differs.
  await admin.deleteTopics({ topics: [topic] });
  await waitFor('the deletion of the topic', async () => !(await admin.listTopics()).includes(topic));
  await createTopics(settings, 'plans');
  await send('plans', 0, 3);
  await hasRows('plans', 16);
  // A sink that has no partitions of the topic also finds the new topic.
  for (const port of [settings.metricsPort, secondPort])
    await waitFor('the recovery', async () => (await metric('failed', 'plans', port)) === 0, READ_WITHIN_MS);
  for (const counts of [await stop(), await second.stop()])
    assert.deepEqual(
      counts.flatMap(({ failure }) => failure ?? []),
      [],
    );
});
