import assert from 'node:assert/strict';
import test from 'node:test';
import { topicOf } from '../../core/stream-name.ts';
import { StatusSampler } from '../../operations/status/status-sampler.ts';
import { TopicFollower } from '../../operations/status/topic-follower.ts';
import { connectAdmin, connectKafkajs } from '../helpers/kafka-admin.ts';
import { produceStreams, sinkStreams } from '../helpers/pipeline.ts';
import { createPlansServer, planKeys } from '../helpers/plans-server.ts';
import { createSettings, noSignal } from '../helpers/settings.ts';
import { createProducer } from '../helpers/topic.ts';
import { waitFor } from '../helpers/wait-for.ts';

test('TopicFollower reads each message once, and a recreated topic from its beginning', async (t) => {
  const settings = createSettings(t);
  const topic = topicOf(settings.topicPrefix, 'plans');
  const kafkajs = await connectKafkajs(settings.kafka);
  t.after(() => kafkajs.disconnect());
  const admin = await connectAdmin(settings);
  t.after(() => admin.close());
  const noted: string[] = [];
  const follower = new TopicFollower<string[]>({
    create: () => [],
    note: (state, { value }) => {
      noted.push(String(value));
      state.push(String(value));
    },
  });
  const read = async () => [...(await follower.read(admin, settings, topic, noSignal))].sort();
  assert.deepEqual(await read(), []);

  const create = () => kafkajs.createTopics({ topics: [{ topic, numPartitions: 2 }], waitForLeaders: true });
  await create();
  const producer = await createProducer(t, settings);
  const send = (...values: readonly string[]) =>
    producer.send({ topic, messages: values.map((value, partition) => ({ partition, value })) });
  await send('a', 'b');
  assert.deepEqual(await read(), ['a', 'b']);
  await send('c');
  assert.deepEqual(await read(), ['a', 'b', 'c']);
  assert.deepEqual(await read(), ['a', 'b', 'c']);
  assert.deepEqual([...noted].sort(), ['a', 'b', 'c']);

  await kafkajs.deleteTopics({ topics: [topic] });
  await waitFor('the end of the topic', async () => !(await kafkajs.listTopics()).includes(topic));
  await create();
  await send('d', 'e');
  await send('f', 'g');
  assert.deepEqual(await read(), ['d', 'e', 'f', 'g']);
});

test('StatusSampler reports rates, and streams that stall between two samples', async (t) => {
  const { baseUrl } = await createPlansServer(t);
  const settings = createSettings(t, baseUrl);
  await produceStreams(settings, 'plans');
  const sampler = new StatusSampler(settings, ['plans'], Infinity);
  const sample = async () => {
    const { status, rates } = await sampler.sample(noSignal);
    return { plans: status.streams[0], rates: rates.get('plans') };
  };
  const first = await sample();
  assert.deepEqual([first.rates, first.plans?.problems], [undefined, []]);
  assert.equal(first.plans?.lastRun?.outcome, 'done');
  const second = await sample();
  assert.deepEqual(second.rates, { producedPerSecond: 0, sunkPerSecond: 0 });
  const isStalled = async () => {
    const { plans } = await sample();
    return plans?.problems.some(({ kind }) => kind === 'stalled') === true;
  };
  await waitFor('a stall', isStalled);
  await sinkStreams(settings, 'plans');
  const third = await sample();
  assert.ok((third.rates?.sunkPerSecond ?? 0) > 0);
  assert.equal(third.plans?.table?.rows, BigInt(planKeys.length));
  assert.deepEqual(third.plans.problems, []);
  await produceStreams(settings, 'plans');
  const { plans } = await sample();
  assert.notEqual(plans?.lastRun?.run, third.plans.lastRun?.run);
});
