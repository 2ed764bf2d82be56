import assert from 'node:assert/strict';
import test from 'node:test';
import { connectKafkajs } from '../helpers/kafka-admin.ts';
import { replay } from '../../operations/replay/replay.ts';
import { sink } from '../../consumers/run/sink.ts';
import { qualified } from '../../core/clickhouse/client.ts';
import type { Settings } from '../../core/settings/config.ts';
import { ReplayRefusedError } from '../../core/errors.ts';
import { topicOf } from '../../core/stream-name.ts';
import { createLoad } from '../helpers/load.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import { assertEachOnce, command, createUnmergedPlans, plansTable } from '../helpers/plans-table.ts';
import { assertReconciled } from '../helpers/reconciled.ts';
import { identityOfPlans, replayPlans, shadowTables, startReader } from '../helpers/replayed.ts';
import { createSettings, noSignal } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { createProducer, messagesOf } from '../helpers/topic.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { createPlans, sendPlans, namesOf } from '../helpers/named-plans.ts';

test('a replay recreates a table from its topic and drops the old one with manual changes', async (t) => {
  const settings = await createPlans(t, [
    ['a', 'one'],
    ['b', 'two'],
    ['c', 'three'],
  ]);
  const producer = await createProducer(t, settings);
  await producer.send({
    topic: topicOf(settings.topicPrefix, 'plans'),
    messages: [{ key: 'c', value: null }],
  });
  await sinkStreams(settings, 'plans');
  const before = await identityOfPlans(settings);
  await command(settings, `DELETE FROM ${plansTable(settings)} WHERE uuid = 'a'`);
  assert.deepEqual(await namesOf(settings), { b: 'two' });

  const counts = await replayPlans(settings);
  assert.deepEqual(await namesOf(settings), { a: 'one', b: 'two' });
  assert.deepEqual(
    { rows: counts.rows, liveBefore: counts.liveBefore, liveAfter: counts.liveAfter },
    { rows: 4, liveBefore: 1, liveAfter: 2 },
  );
  assert.notEqual(await identityOfPlans(settings), before);
  assert.deepEqual(await shadowTables(settings), []);
  await assertReconciled(settings, ['plans']);

  // The table is still the sink's checkpoint.
  const [again] = await sinkStreams(settings, 'plans');
  assert.equal(again?.rows, 0);
});

test('readers see every row during a replay, and a running sink stores each message once', async (t) => {
  const settings = createSettings(t);
  await createUnmergedPlans(settings);
  const load = await createLoad(t, settings, 100);
  const stop = new AbortController();
  const sinking = sink(settings, { streams: ['plans'], untilCaughtUp: false }, stop.signal);
  sinking.catch(() => {});
  t.after(() => stop.abort());
  const stored = async () => Number((await rowsOf(settings, 'SELECT count() AS n FROM plans'))[0]?.['n']);
  await waitFor('3,000 rows', async () => (await stored()) > 3_000);
  for (let time = 0; time < 2; time++) {
    const before = await stored();
    const reader = startReader(t, settings);
    await replayPlans(settings);
    await reader.stop();
    assert.ok(reader.fewest >= before, `${reader.fewest} rows were seen where ${before} had been`);
    assert.ok(reader.reads > 10);
  }
  await load.stop();
  await waitFor('all rows', async () => (await stored()) === load.sent);
  stop.abort();
  const [counts] = await sinking;
  assert.equal(counts?.failure, undefined);
  await assertEachOnce(settings, load.sent);
  await assertReconciled(settings, ['plans']);
});

test('a replay from a time keeps earlier rows and recreates later ones', async (t) => {
  const settings = await createPlans(t, [
    ['a', 'old'],
    ['b', 'old'],
  ]);
  const [row] = await rowsOf(
    settings,
    'SELECT toUnixTimestamp64Milli(max(_timestamp)) AS newest FROM plans_raw',
  );
  const from = Number(row?.['newest']) + 1;
  await waitFor('the next millisecond', () => Date.now() > from);
  await sendPlans(t, settings, [
    ['c', 'new'],
    ['d', 'new'],
  ]);
  await sinkStreams(settings, 'plans');
  await command(settings, `DELETE FROM ${plansTable(settings)} WHERE uuid IN ('a', 'c')`);
  assert.deepEqual(await namesOf(settings), { b: 'old', d: 'new' });

  const counts = await replayPlans(settings, { from });
  assert.deepEqual(await namesOf(settings), { b: 'old', c: 'new', d: 'new' });
  assert.equal(counts.rows, 2);
  const [again] = await sinkStreams(settings, 'plans');
  assert.equal(again?.rows, 0);
});

test('a replay recreates a dropped table', async (t) => {
  const settings = await createPlans(t, [['a', 'one']]);
  await command(settings, `DROP TABLE ${plansTable(settings)} SYNC`);
  const counts = await replayPlans(settings);
  assert.deepEqual(
    { liveBefore: counts.liveBefore, liveAfter: counts.liveAfter },
    { liveBefore: undefined, liveAfter: 1 },
  );
  assert.deepEqual(await namesOf(settings), { a: 'one' });
});

test('the new table lacks a manual row beyond the end of the topic', async (t) => {
  const settings = await createPlans(t, [['a', 'one']]);
  await command(
    settings,
    `INSERT INTO ${plansTable(settings)} (uuid, name, _version, _deleted, _partition, _offset, _timestamp, _schema_id) ` +
      `SELECT uuid, 'by hand', _version + bitShiftLeft(toUInt128(1000), 64), 0, _partition, 99999, _timestamp + 1, _schema_id FROM ${plansTable(settings)}`,
  );
  assert.deepEqual(await namesOf(settings), { a: 'by hand' });
  await replayPlans(settings);
  assert.deepEqual(await namesOf(settings), { a: 'one' });
  await assertReconciled(settings, ['plans']);
});

test('the new table has the column types of the current schema', async (t) => {
  const settings = await createPlans(t, [['a', '12']]);
  await command(settings, `ALTER TABLE ${plansTable(settings)} MODIFY COLUMN name Nullable(Int64)`);
  await replayPlans(settings);
  assert.deepEqual(await namesOf(settings), { a: '12' });
  const [column] = await rowsOf(
    settings,
    `SELECT type FROM system.columns WHERE database = currentDatabase() AND table = 'plans_raw' AND name = 'name'`,
  );
  assert.equal(column?.['type'], 'Nullable(String)');
});

/** Replaces the table of plans by one with another sorting key. */
async function sortOtherwise(settings: Settings): Promise<void> {
  const other = qualified(settings.clickhouse.database, 'other');
  await command(
    settings,
    `CREATE TABLE ${other} AS ${plansTable(settings)} ENGINE = ReplacingMergeTree(_version, _deleted) ORDER BY (uuid, _offset)`,
    `DROP TABLE ${plansTable(settings)} SYNC`,
    `RENAME TABLE ${other} TO ${plansTable(settings)}`,
  );
}

test('a replay changes the sorting key to that of a schema that the sink rejects', async (t) => {
  const settings = await createPlans(t, [['a', 'one']]);
  await sortOtherwise(settings);
  const [refused] = await sinkStreams(settings, 'plans');
  assert.match(String(refused?.failure), /sorted by \(uuid, _offset\).*npm run replay -- --streams plans/);

  await replayPlans(settings);
  assert.deepEqual(await namesOf(settings), { a: 'one' });
  const [table] = await rowsOf(
    settings,
    `SELECT sorting_key FROM system.tables WHERE database = currentDatabase() AND name = 'plans_raw'`,
  );
  assert.match(String(table?.['sorting_key']), /^\(?uuid\)?$/);
});

test('a replay without its first messages is rejected, and from a time it keeps their rows', async (t) => {
  const settings = createSettings(t);
  const topic = topicOf(settings.topicPrefix, 'plans');
  const admin = await connectKafkajs(settings.kafka);
  t.after(() => admin.disconnect());
  // Kafka deletes nothing from a topic that is only compacted.
  const config = { 'cleanup.policy': 'compact,delete', 'message.timestamp.type': 'LogAppendTime' };
  const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
  await admin.createTopics({ topics: [{ topic, numPartitions: 2, configEntries }], waitForLeaders: true });
  const early = Date.now() - 60_000;
  await sendPlans(t, settings, [
    ['a', 'old'],
    ['b', 'old'],
    ['c', 'old'],
  ]);
  await sinkStreams(settings, 'plans');
  const ends = await admin.fetchTopicOffsets(topic);
  await admin.deleteTopicRecords({
    topic,
    partitions: ends.map(({ partition, high }) => ({ partition, offset: high })),
  });
  const from = Date.now();
  await sendPlans(t, settings, [['d', 'new']]);
  await sinkStreams(settings, 'plans');
  const before = await identityOfPlans(settings);
  await assert.rejects(
    replayPlans(settings),
    /has lost the messages of 3 rows that plans_raw still has.*--from/,
  );
  await assert.rejects(
    replayPlans(settings, { from: early }),
    /has lost the messages of 3 rows that plans_raw still has.*--from with a later time/,
  );
  assert.equal(await identityOfPlans(settings), before);

  await replayPlans(settings, { from });
  assert.deepEqual(await namesOf(settings), { a: 'old', b: 'old', c: 'old', d: 'new' });
  assert.notEqual(await identityOfPlans(settings), before);

  // Sent again, the messages are on the topic, which is complete then.
  await sendPlans(t, settings, [
    ['a', 'again'],
    ['b', 'again'],
    ['c', 'again'],
  ]);
  await sinkStreams(settings, 'plans');
  await replayPlans(settings);
  assert.deepEqual(await namesOf(settings), { a: 'again', b: 'again', c: 'again', d: 'new' });
});

test('a replay from a time is rejected on producer timestamps, and a full one succeeds', async (t) => {
  const settings = createSettings(t);
  const topic = topicOf(settings.topicPrefix, 'plans');
  const admin = await connectKafkajs(settings.kafka);
  t.after(() => admin.disconnect());
  await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: true });
  const producer = await createProducer(t, settings);
  const messages = await messagesOf(settings, 'plans', [
    { uuid: 'a', name: 'one' },
    { uuid: 'b', name: 'two' },
  ]);
  // The later message has the earlier time.
  const timed = messages.map((message, index) => ({ ...message, timestamp: String(2_000_000 - index) }));
  await producer.send({ topic, messages: timed });
  await sinkStreams(settings, 'plans');
  const before = await identityOfPlans(settings);
  await assert.rejects(replayPlans(settings, { from: 1_999_999 }), /has producer timestamps/);
  assert.equal(await identityOfPlans(settings), before);
  await replayPlans(settings);
  assert.deepEqual(await namesOf(settings), { a: 'one', b: 'two' });
});

test('a replay keeps views and foreign tables whose names resemble its own', async (t) => {
  const settings = await createPlans(t, [['a', 'one']]);
  const { database } = settings.clickhouse;
  const tables = ['plans_raw_shadow_mine', 'plans_raw_shadow_0123abcd'];
  for (const table of tables)
    await command(
      settings,
      `CREATE TABLE ${qualified(database, table)} (x Int8) ENGINE = MergeTree ORDER BY x`,
    );
  const view = 'plans_raw_shadow_4567abcd';
  await command(settings, `CREATE VIEW ${qualified(database, view)} AS SELECT 1 AS x`);
  await replayPlans(settings);
  assert.deepEqual(await shadowTables(settings), [view, 'plans_raw_shadow_mine']);
});

test('columns added by other clients are kept', async (t) => {
  const settings = await createPlans(t, [['a', 'one']]);
  await command(
    settings,
    `ALTER TABLE ${plansTable(settings)} ADD COLUMN shout Nullable(String) MATERIALIZED upper(name), ADD COLUMN note String DEFAULT 'n'`,
  );
  await replayPlans(settings);
  const rows = await rowsOf(settings, 'SELECT uuid, shout, note FROM plans_raw');
  assert.deepEqual(rows, [{ uuid: 'a', shout: 'ONE', note: 'n' }]);
});

test('two replays of a stream at once are each rejected or completed', async (t) => {
  const settings = await createPlans(t, [['a', 'one']]);
  const both = await Promise.all(
    [1, 2].map(() => replay(settings, { streams: ['plans'], from: undefined }, noSignal)),
  );
  const failures = both.flatMap(([counts]) => counts?.failure ?? []);
  // The second waits several seconds for the first to release its claim, and may find the work
  // done.
  assert.ok(failures.length <= 1);
  for (const failure of failures) assert.match(String(failure), /another replay of plans/);
  assert.deepEqual(await namesOf(settings), { a: 'one' });
  assert.deepEqual(await shadowTables(settings), []);
  await assertReconciled(settings, ['plans']);
});

test('a schema that the registry lost fails in one line and changes nothing', async (t) => {
  const settings = await createPlans(t, [['a', 'one']]);
  const before = await identityOfPlans(settings);
  const producer = await createProducer(t, settings);
  const lost = Buffer.from([0, 0x7f, 0xff, 0xff, 0xfe, 2, 2]);
  const topic = topicOf(settings.topicPrefix, 'plans');
  await producer.send({ topic, messages: [{ key: 'z', value: lost }] });
  await assert.rejects(replayPlans(settings), (error) => {
    assert.ok(error instanceof ReplayRefusedError);
    assert.match(
      error.message,
      /partition \d, offset \d+: the registry has no Avro schema 2147483646.*nothing was changed/,
    );
    return true;
  });
  assert.equal(await identityOfPlans(settings), before);
  assert.deepEqual(await shadowTables(settings), []);

  // A message that the sink rejected is no reason to stop.
  await sinkStreams(settings, 'plans');
  await replayPlans(settings);
  assert.deepEqual(await namesOf(settings), { a: 'one' });
});
