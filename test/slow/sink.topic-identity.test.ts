import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { connectKafkajs } from '../helpers/kafka-admin.ts';
import type { Settings } from '../../core/settings/config.ts';
import { createClickHouse, qualified } from '../../core/clickhouse/client.ts';
import { readStreamSchema } from '../../core/avro/schema-files.ts';
import { storageTableOf, topicOf } from '../../core/stream-name.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import { command } from '../helpers/plans-table.ts';
import { createSettings } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { createProducer, messagesOf } from '../helpers/topic.ts';
import { waitFor } from '../helpers/wait-for.ts';

const START_MS = Date.UTC(2026, 0, 1);
const DAY_MS = 86_400_000;
const COUNT = 60;

type TimeType = 'CreateTime' | 'LogAppendTime';

async function createTimedTopics(
  settings: Settings,
  streams: readonly string[],
  times: TimeType,
): Promise<void> {
  const admin = await connectKafkajs(settings.kafka);
  await admin.createTopics({
    topics: streams.map((stream) => ({
      topic: topicOf(settings.topicPrefix, stream),
      numPartitions: 2,
      configEntries: [{ name: 'message.timestamp.type', value: times }],
    })),
    waitForLeaders: true,
  });
  await admin.disconnect();
}

async function deleteTopics(settings: Settings, streams: readonly string[]): Promise<void> {
  const admin = await connectKafkajs(settings.kafka);
  const topics = streams.map((stream) => topicOf(settings.topicPrefix, stream));
  await admin.deleteTopics({ topics });
  await waitFor('the deletion of the topics', async () => {
    const left = await admin.listTopics();
    return topics.every((topic) => !left.includes(topic));
  });
  await admin.disconnect();
}

/** Sends plans `from` to `to` - 1 in order, each with a timestamp. */
async function send(
  t: TestContext,
  settings: Settings,
  stream: string,
  [from, to]: readonly [number, number],
  timeOf: (index: number) => number = () => START_MS,
): Promise<void> {
  const producer = await createProducer(t, settings);
  const records = Array.from({ length: to - from }, (_, index) => ({ uuid: `pl_${from + index}` }));
  const messages = await messagesOf(settings, stream, records, readStreamSchema('plans'));
  await producer.send({
    topic: topicOf(settings.topicPrefix, stream),
    messages: messages.map((message, index) => ({
      ...message,
      partition: index % 2,
      timestamp: String(timeOf(from + index)),
    })),
  });
}

const rawCount = async (settings: Settings, stream: string) =>
  (await rowsOf(settings, `SELECT count() AS n FROM ${storageTableOf(stream)}`))[0]?.['n'];

const sunk = async (settings: Settings, streams: readonly string[]) =>
  (await sinkStreams(settings, ...streams)).map(({ stream, failure, rows }) => [stream, failure, rows]);

const times: Readonly<Record<string, (index: number) => number>> = {
  first_a_day_later: (index) => START_MS + (index === 0 ? DAY_MS : index),
  middle_a_minute_later: (index) => START_MS + (index === 30 ? 60_000 : index),
  newest_first: (index) => START_MS - index * 1000,
  all_equal: () => START_MS,
  before_1970: (index) => -DAY_MS + index,
};

test('a restarted sink does not insert messages again, regardless of producer timestamps', async (t) => {
  const settings = createSettings(t);
  const streams = Object.keys(times).sort();
  await createTimedTopics(settings, streams, 'CreateTime');
  await Promise.all(streams.map((stream) => send(t, settings, stream, [0, COUNT], times[stream])));
  const expected = (rows: number) => streams.map((stream) => [stream, undefined, rows]);
  assert.deepEqual(await sunk(settings, streams), expected(COUNT));
  assert.deepEqual(await sunk(settings, streams), expected(0));
  await Promise.all(streams.map((stream) => send(t, settings, stream, [COUNT, COUNT + 10], times[stream])));
  assert.deepEqual(await sunk(settings, streams), expected(10));
  assert.deepEqual(await sunk(settings, streams), expected(0));
  for (const stream of streams) assert.equal(await rawCount(settings, stream), COUNT + 10);
});

for (const timeType of ['CreateTime', 'LogAppendTime'] as const) {
  test(`a recreated topic with ${timeType} is read once from its start, regardless of its length`, async (t) => {
    const settings = createSettings(t);
    const counts = { as_many: COUNT, fewer: 20, more: 90, none: 0 };
    const streams = Object.keys(counts).sort();
    await createTimedTopics(settings, streams, timeType);
    for (const stream of streams) await send(t, settings, stream, [0, COUNT]);
    await sunk(settings, streams);
    await deleteTopics(settings, streams);
    await createTimedTopics(settings, streams, timeType);
    const rowsOfLife = Object.entries(counts).sort();
    for (const [stream, count] of rowsOfLife) if (count > 0) await send(t, settings, stream, [0, count]);
    const expected = rowsOfLife.map(([stream, rows]) => [stream, undefined, rows]);
    assert.deepEqual(await sunk(settings, streams), expected);
    // The rows of both topics have the same offsets, but each start finds the resume offset of the
    // new topic.
    for (const stream of streams) await send(t, settings, stream, [0, 10]);
    assert.deepEqual(
      await sunk(settings, streams),
      streams.map((stream) => [stream, undefined, 10]),
    );
    for (const [stream, count] of rowsOfLife)
      assert.equal(await rawCount(settings, stream), COUNT + count + 10);
  });
}

test('the sink resumes a table from a release without topic ids, and then stores the id', async (t) => {
  const settings = createSettings(t);
  await createTimedTopics(settings, ['plans'], 'CreateTime');
  await send(t, settings, 'plans', [0, COUNT], times['newest_first']);
  await sunk(settings, ['plans']);
  const client = createClickHouse(settings.clickhouse);
  t.after(() => client.close());
  await client.command({
    query: `ALTER TABLE ${qualified(settings.clickhouse.database, 'plans_raw')} DROP COLUMN IF EXISTS _topic_id`,
  });
  assert.deepEqual(await sunk(settings, ['plans']), [['plans', undefined, 0]]);
  await send(t, settings, 'plans', [0, 1]);
  assert.deepEqual(await sunk(settings, ['plans']), [['plans', undefined, 1]]);
  // Partition 1 has only rows without a topic id, but they belong to the deleted topic.
  await deleteTopics(settings, ['plans']);
  await createTimedTopics(settings, ['plans'], 'CreateTime');
  await send(t, settings, 'plans', [0, COUNT + 20]);
  assert.deepEqual(await sunk(settings, ['plans']), [['plans', undefined, COUNT + 20]]);
  assert.equal(await rawCount(settings, 'plans'), 2 * COUNT + 21);
});

test('a sink removes rows that a failing view left, but no rows of an earlier topic', async (t) => {
  const settings = createSettings(t);
  const name = (of: string) => qualified(settings.clickhouse.database, of);
  for (const before of [10, COUNT]) {
    await createTimedTopics(settings, ['plans'], 'CreateTime');
    await send(t, settings, 'plans', [0, before]);
    await sunk(settings, ['plans']);
    await deleteTopics(settings, ['plans']);
  }
  await createTimedTopics(settings, ['plans'], 'CreateTime');
  await send(t, settings, 'plans', [0, 20]);
  await command(
    settings,
    `CREATE TABLE ${name('seen')} (uuid String) ENGINE = MergeTree ORDER BY tuple()`,
    `CREATE MATERIALIZED VIEW ${name('mv')} TO ${name('seen')} AS SELECT toString(throwIf(1)) AS uuid FROM ${name('plans_raw')}`,
  );
  const [[, failure] = []] = await sunk(settings, ['plans']);
  assert.match(String(failure), /None of the rows of this insert .* is in the table: fix or drop the view/);
  assert.equal(await rawCount(settings, 'plans'), 10 + COUNT);
  await command(
    settings,
    `DROP VIEW ${name('mv')}`,
    `CREATE MATERIALIZED VIEW ${name('mv')} TO ${name('seen')} AS SELECT uuid FROM ${name('plans_raw')}`,
  );
  assert.deepEqual(await sunk(settings, ['plans']), [['plans', undefined, 20]]);
  assert.equal(await rawCount(settings, 'plans'), 10 + COUNT + 20);
  assert.deepEqual(await rowsOf(settings, 'SELECT count() AS n FROM seen'), [{ n: 20 }]);
});
