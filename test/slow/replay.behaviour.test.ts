import assert from 'node:assert/strict';
import test from 'node:test';
import { sink } from '../../consumers/run/sink.ts';
import { ReplayRefusedError } from '../../core/errors.ts';
import { topicOf } from '../../core/stream-name.ts';
import { ReplayLock } from '../../operations/replay/replay-lock.ts';
import { replay } from '../../operations/replay/replay.ts';
import { startCommand } from '../helpers/command.ts';
import { connectAdmin, connectKafkajs } from '../helpers/kafka-admin.ts';
import { createLoad } from '../helpers/load.ts';
import { createPlans, namesOf, sendPlans, sortOtherwise } from '../helpers/named-plans.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import { assertEachOnce, createUnmergedPlans } from '../helpers/plans-table.ts';
import { assertReconciled } from '../helpers/reconciled.ts';
import { identityOfPlans, replayPlans, shadowTables, startReader } from '../helpers/replayed.ts';
import { createSettings, environmentOf, noSignal } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { createProducer, messagesOf } from '../helpers/topic.ts';
import { waitFor } from '../helpers/wait-for.ts';

test('a failed stream of a running sink resumes once a replay has recreated its table', async (t) => {
  const settings = await createPlans(t, [['a', 'one']]);
  await sortOtherwise(settings);
  const args = ['--streams', 'plans,plan_groups'];
  const running = startCommand(t, 'commands/sink.ts', args, environmentOf(settings));
  await running.logged('stream stopped');
  await replayPlans(settings);
  await sendPlans(t, settings, [['b', 'two']]);
  await waitFor('the stream to resume', async () => 'b' in (await namesOf(settings)));
  running.kill('SIGTERM');
  const { exitCode, stderr } = await running.result;
  assert.equal(exitCode, 0, stderr);
  assert.equal(stderr.split('stream stopped').length, 2, stderr);
  assert.deepEqual(await namesOf(settings), { a: 'one', b: 'two' });
  await assertReconciled(settings, ['plans']);
});

test('a replay is rejected while another replay of its stream runs, and succeeds afterwards', async (t) => {
  const settings = await createPlans(t, [['a', 'one']]);
  const before = await identityOfPlans(settings);
  const admin = await connectAdmin(settings);
  t.after(() => admin.close());
  const other = await ReplayLock.acquire(admin, settings, 'plans', noSignal);
  try {
    await assert.rejects(
      replayPlans(settings),
      /another replay of plans .* is running .* nothing was changed/,
    );
  } finally {
    await other.release();
  }
  assert.equal(await identityOfPlans(settings), before);
  assert.deepEqual(await shadowTables(settings), []);
  await replayPlans(settings);
  assert.deepEqual(await namesOf(settings), { a: 'one' });
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
    assert.ok(
      reader.fewest >= before,
      `a reader saw ${reader.fewest} rows, fewer than the earlier ${before}`,
    );
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

test('a replay of a topic that lost messages is rejected, or keeps their rows with --from', async (t) => {
  const settings = createSettings(t);
  const topic = topicOf(settings.topicPrefix, 'plans');
  const admin = await connectKafkajs(settings.kafka);
  t.after(() => admin.disconnect());
  // Kafka deletes records on request only if the policy includes `delete`.
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

  // Sending the messages again makes the topic complete.
  await sendPlans(t, settings, [
    ['a', 'again'],
    ['b', 'again'],
    ['c', 'again'],
  ]);
  await sinkStreams(settings, 'plans');
  await replayPlans(settings);
  assert.deepEqual(await namesOf(settings), { a: 'again', b: 'again', c: 'again', d: 'new' });
});

test('on a topic with producer timestamps, --from is rejected and a full replay succeeds', async (t) => {
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
  // The later message has the earlier timestamp.
  const timed = messages.map((message, index) => ({ ...message, timestamp: String(2_000_000 - index) }));
  await producer.send({ topic, messages: timed });
  await sinkStreams(settings, 'plans');
  const before = await identityOfPlans(settings);
  await assert.rejects(replayPlans(settings, { from: 1_999_999 }), /has producer timestamps/);
  assert.equal(await identityOfPlans(settings), before);
  await replayPlans(settings);
  assert.deepEqual(await namesOf(settings), { a: 'one', b: 'two' });
});

test('two concurrent replays of a stream are each rejected or completed', async (t) => {
  const settings = await createPlans(t, [['a', 'one']]);
  const both = await Promise.all(
    [1, 2].map(() => replay(settings, { streams: ['plans'], from: undefined }, noSignal)),
  );
  const failures = both.flatMap(([counts]) => counts?.failure ?? []);
  // The second replay waits several seconds for the first to release its claim, so both may
  // succeed.
  assert.ok(failures.length <= 1);
  for (const failure of failures) assert.match(String(failure), /another replay of plans/);
  assert.deepEqual(await namesOf(settings), { a: 'one' });
  assert.deepEqual(await shadowTables(settings), []);
  await assertReconciled(settings, ['plans']);
});

test('a replay fails and changes nothing if the registry has lost a schema', async (t) => {
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

  // A message that the sink has rejected does not stop a replay.
  await sinkStreams(settings, 'plans');
  await replayPlans(settings);
  assert.deepEqual(await namesOf(settings), { a: 'one' });
});
