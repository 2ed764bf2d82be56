import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { connectKafkajs } from '../helpers/kafka-admin.ts';
import { qualified } from '../../core/clickhouse/client.ts';
import type { Settings } from '../../core/settings/config.ts';
import { deadLettersTopic, topicOf } from '../../core/stream-name.ts';
import { runCommand } from '../helpers/command.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import { command } from '../helpers/plans-table.ts';
import { readTopic } from '../helpers/read-topic.ts';
import { createSettings, environmentOf } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { createProducer, messagesOf } from '../helpers/topic.ts';

const MB = 1_000_000;
const PARTITION = 1;

/** Creates topics that accept the given number of bytes per message. */
async function createTopicsOf(settings: Settings, sizes: Readonly<Record<string, number>>): Promise<void> {
  const admin = await connectKafkajs(settings.kafka);
  await admin.createTopics({
    topics: Object.entries(sizes).map(([topic, bytes]) => ({
      topic,
      numPartitions: 4,
      configEntries: [
        { name: 'max.message.bytes', value: String(bytes) },
        { name: 'message.timestamp.type', value: 'LogAppendTime' },
      ],
    })),
    waitForLeaders: true,
  });
  await admin.disconnect();
}

async function start(t: TestContext, deadLetterBytes?: number) {
  const settings = createSettings(t);
  const topic = topicOf(settings.topicPrefix, 'plans');
  const deadLetters = deadLettersTopic(settings.topicPrefix);
  await createTopicsOf(settings, {
    [topic]: 64 * MB,
    ...(deadLetterBytes && { [deadLetters]: deadLetterBytes }),
  });
  const producer = await createProducer(t, settings);
  const send = (...messages: readonly { key: Buffer | string; value: Buffer | null; headers?: object }[]) =>
    producer.send({
      topic,
      messages: messages.map((message) => ({ ...message, partition: PARTITION })) as never,
    });
  const plan = async (number: number, name = '') => {
    const [message] = await messagesOf(settings, 'plans', [
      { uuid: `pl_${number}`, name, interval_count: number },
    ]);
    assert.ok(message);
    return message;
  };
  return { settings, send, plan };
}

const storedPlans = async (settings: Settings) =>
  (await rowsOf(settings, 'SELECT interval_count AS n, length(name) AS l FROM plans ORDER BY 1')).map(
    ({ n, l }) => [n, Number(l)],
  );

async function deadLettersOf(settings: Settings) {
  const deadLetters = await readTopic(settings, deadLettersTopic(settings.topicPrefix));
  return deadLetters
    .map(({ key, value, headers }) => {
      const texts = Object.entries(headers).map(([name, bytes]) => [name, bytes.toString()] as const);
      return { id: key, bytes: value?.length ?? -1, headers: Object.fromEntries(texts) };
    })
    .sort((a, b) => Number(a.headers['offset']) - Number(b.headers['offset']));
}

for (const [name, deadLetterBytes] of [
  ['that the sink creates', undefined],
  ["with Kafka's default limit of 1 MiB", 1_048_588],
] as const) {
  test(`large bad messages are truncated for a dead-letter topic ${name}`, async (t) => {
    const { settings, send, plan } = await start(t, deadLetterBytes);
    await send(await plan(0));
    await send({ key: 'poison', value: Buffer.alloc(9 * MB, 7) });
    await send(await plan(1, 'x'.repeat(20 * MB)));
    await send({ key: Buffer.alloc(9 * MB, 'k'), value: Buffer.from('no frame') });
    await send({ ...(await plan(2)), headers: { large: Buffer.alloc(9 * MB, 'h') } });
    // Within the limit of its own topic, but possibly above that of the dead-letter topic.
    await send({ key: 'poison', value: Buffer.alloc(2 * MB, 7) });
    await send({ key: Buffer.alloc(5 * MB, 'k'), value: Buffer.alloc(5 * MB, 7) });
    await send(await plan(3));
    const [counts] = await sinkStreams(settings, 'plans');
    assert.deepEqual(
      { failure: counts?.failure, rows: counts?.rows, deadLetters: counts?.deadLetters },
      { failure: undefined, rows: 4, deadLetters: 4 },
    );
    assert.deepEqual(await storedPlans(settings), [
      [0, 0],
      [1, 20 * MB],
      [2, 0],
      [3, 0],
    ]);
    const deadLetters = await deadLettersOf(settings);
    const truncated = deadLetters.map(({ bytes, headers }) => [
      headers['offset'],
      headers['key']?.slice(0, 6),
      bytes < 100_000,
      headers['truncated'],
      headers['key-truncated'],
    ]);
    const isWhole = deadLetterBytes === undefined;
    assert.deepEqual(truncated, [
      ['1', 'poison', true, String(9 * MB), undefined],
      ['3', 'kkkkkk', true, undefined, String(9 * MB)],
      ['5', 'poison', !isWhole, isWhole ? undefined : String(2 * MB), undefined],
      ['6', 'kkkkkk', true, String(5 * MB), String(5 * MB)],
    ]);
  });
}

test('a truncated dead letter is redriven from its message, or skipped if the message is gone', async (t) => {
  const { settings, send, plan } = await start(t);
  await send(await plan(0));
  await sinkStreams(settings, 'plans');
  const table = qualified(settings.clickhouse.database, 'plans_raw');
  await command(settings, `ALTER TABLE ${table} ADD CONSTRAINT short CHECK length(name) < 100`);
  await send(await plan(1, 'x'.repeat(9 * MB)));
  await send(await plan(2, 'x'.repeat(10 * MB)));
  await send(await plan(3));
  const [counts] = await sinkStreams(settings, 'plans');
  assert.deepEqual(
    { failure: counts?.failure, rows: counts?.rows, deadLetters: counts?.deadLetters },
    { failure: undefined, rows: 1, deadLetters: 2 },
  );
  await command(settings, `ALTER TABLE ${table} DROP CONSTRAINT short`);
  const admin = await connectKafkajs(settings.kafka);
  const topic = topicOf(settings.topicPrefix, 'plans');
  // This request loads the topic's leaders into the client.
  await admin.fetchTopicOffsets(topic);
  await admin.deleteTopicRecords({
    topic,
    partitions: [{ partition: PARTITION, offset: '2' }],
  });
  await admin.disconnect();
  const redrive = await runCommand(
    t,
    'commands/dead-letters.ts',
    ['redrive', '--all'],
    environmentOf(settings),
  );
  assert.equal(redrive.exitCode, 1, redrive.stderr);
  assert.match(
    redrive.stdout.replace(/\s+/g, ' '),
    /skipped: the dead letter contains only the first 65536 of 90\d{5} bytes, and its message is no longer on the topic/,
  );
  assert.match(redrive.stdout, /^1 redriven, 1 skipped$/m);
  assert.deepEqual(await storedPlans(settings), [
    [0, 0],
    [2, 10 * MB],
    [3, 0],
  ]);
});
