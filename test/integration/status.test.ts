import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import type { Admin } from 'kafkajs';
import { connectAdmin, connectKafkajs } from '../helpers/kafka-admin.ts';
import type { Settings } from '../../core/settings/config.ts';
import { ConfigError } from '../../core/errors.ts';
import { checkpointsTopic, deadLettersTopic, topicOf } from '../../core/stream-name.ts';
import { wantedTopicConfig } from '../../core/kafka/topic-retention.ts';
import { checkpointMessage } from '../../producers/state/checkpoint.ts';
import { gatherStatus } from '../../operations/status/gather-status.ts';
import { messagesOf as messageCount, type StreamStatus } from '../../operations/status/stream-status.ts';
import { runCommand } from '../helpers/command.ts';
import { progressOf } from '../helpers/committed.ts';
import { produceStreams, sinkStreams } from '../helpers/pipeline.ts';
import { createPlansServer, planKeys } from '../helpers/plans-server.ts';
import { command, plansTable } from '../helpers/plans-table.ts';
import { createSettings, environmentOf, noSignal } from '../helpers/settings.ts';
import { createProducer, createTopics, messagesOf } from '../helpers/topic.ts';
import { waitFor } from '../helpers/wait-for.ts';

const PLANS = BigInt(planKeys.length);

async function statusOf(settings: Settings, ...streams: string[]) {
  const status = await gatherStatus(settings, streams.length === 0 ? undefined : streams, noSignal);
  const warnings = status.warnings.map(({ about, message }) => `${about}: ${message}`);
  const of = (stream: string) => status.streams.find((known) => known.stream === stream);
  return { ...status, warnings, plans: of('plans'), runs: of('runs') };
}

/**
 * Returns whether a stream has messages, its lag and its rows. Null means that there is no topic or
 * table; undefined means that the figure is unknown.
 */
function figures(status: StreamStatus | undefined) {
  return [status?.topic && messageCount(status.topic) > 0n, status?.lag, status?.table && status.table.rows];
}

async function withAdmin<T>({ kafka }: Settings, work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = await connectKafkajs(kafka);
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

async function sendPlans(t: TestContext, settings: Settings, from: number, to: number): Promise<void> {
  const producer = await createProducer(t, settings);
  const records = Array.from({ length: to - from }, (_, index) => ({ uuid: `pl_${from + index}` }));
  await producer.send({
    topic: topicOf(settings.topicPrefix, 'plans'),
    messages: await messagesOf(settings, 'plans', records),
  });
}

test('status reports the messages, lag, rows and dead letters of a stream', async (t) => {
  const { baseUrl } = await createPlansServer(t);
  const settings = createSettings(t, baseUrl);
  const topic = topicOf(settings.topicPrefix, 'plans');
  await produceStreams(settings, 'plans');

  const produced = await statusOf(settings);
  assert.deepEqual(
    produced.streams.map(({ stream }) => stream),
    ['plans', 'runs'],
  );
  const marks = (produced.plans?.lag ?? 0n) - PLANS;
  assert.ok(marks > 0n, 'the topic has no transaction markers');
  assert.deepEqual(figures(produced.plans), [true, PLANS + marks, null]);
  assert.equal(produced.plans?.lastRun?.outcome, 'done');
  assert.ok(Math.abs(produced.atMs - produced.plans.lastRun.finishedAtMs) < 60_000);
  assert.equal(produced.plans.checkpoint?.isComplete, true);
  assert.equal(produced.plans.deadLetters, 0);
  assert.deepEqual(
    { lastRun: produced.runs?.lastRun, checkpoint: produced.runs?.checkpoint },
    { lastRun: null, checkpoint: null },
  );
  assert.deepEqual(produced.warnings, [
    `topic ${topic}: no table yet; run \`npm run sink\``,
    `topic ${topicOf(settings.topicPrefix, 'runs')}: no table yet; run \`npm run sink\``,
  ]);

  await sinkStreams(settings);
  const sunk = await statusOf(settings, 'plans', 'runs');
  // Once every message is a row, the markers at the end of transactions do not count as lag.
  assert.deepEqual(figures(sunk.plans), [true, 0n, PLANS]);
  assert.deepEqual(figures(sunk.runs), [true, 0n, 1n]);
  assert.deepEqual(sunk.warnings, []);
  assert.deepEqual(sunk.failures, []);

  const producer = await createProducer(t, settings);
  const broken = Array.from({ length: 20 }, (_, index) => ({ key: `x${index}`, value: Buffer.from('{}') }));
  await producer.send({ topic, messages: broken });
  assert.deepEqual(figures((await statusOf(settings, 'plans')).plans), [true, 20n, PLANS]);
  await sinkStreams(settings);
  const { plans } = await statusOf(settings, 'plans');
  assert.deepEqual([...figures(plans), plans?.deadLetters], [true, 0n, PLANS, 20]);

  const { checkpoint } = await progressOf(settings, 'plans');
  assert.ok(checkpoint);
  const { key, value } = checkpointMessage('plans', { ...checkpoint, isComplete: false, pages: 3 });
  await producer.send({ topic: checkpointsTopic(settings.topicPrefix), messages: [{ key, value }] });

  const env = environmentOf(settings);
  const shown = await runCommand(t, 'commands/status.ts', [], env);
  assert.equal(shown.exitCode, 0, shown.stderr);
  assert.match(shown.stdout, /^stream +messages +lag +rows +produced +checkpoint +dead$/m);
  assert.match(shown.stdout, /^plans +~\d+ +0 +16 +\d+[sm] ago +page 3 +20$/m);
  assert.ok(
    shown.stdout
      .split('\n')
      .filter((line) => !line.startsWith('problem:'))
      .every((line) => line.length <= 80),
  );
  const checked = await runCommand(t, 'commands/status.ts', ['--check', '--streams', 'plans'], env);
  assert.equal(checked.exitCode, 1);
  assert.match(checked.stdout, /problem: plans: 20 dead letters pending: `npm run dead-letters/);
  const json = await runCommand(t, 'commands/status.ts', ['--json', '--streams', 'plans'], env);
  const [first, ...others] = (JSON.parse(json.stdout) as { streams: Record<string, unknown>[] }).streams;
  assert.deepEqual(others, []);
  assert.deepEqual(
    {
      stream: first?.['stream'],
      lag: first?.['lag'],
      table: first?.['table'],
      deadLetters: first?.['deadLetters'],
    },
    { stream: 'plans', lag: 0, table: { name: 'plans_raw', rows: 16 }, deadLetters: 20 },
  );
});

test('status reports a lag of 0 for an empty table whose topic contains only dead letters', async (t) => {
  const settings = createSettings(t);
  await createTopics(settings, 'plans');
  await messagesOf(settings, 'plans', [{ uuid: 'pl_1' }]);
  const producer = await createProducer(t, settings);
  const broken = Array.from({ length: 20 }, (_, index) => ({ key: `x${index}`, value: Buffer.from('{}') }));
  await producer.send({ topic: topicOf(settings.topicPrefix, 'plans'), messages: broken });
  await sinkStreams(settings, 'plans');
  const { plans } = await statusOf(settings);
  assert.deepEqual([...figures(plans), plans?.deadLetters], [true, 0n, 0n, 20]);
});

test('the runs stream is not stalled if only produce has run since the last sink', async (t) => {
  const { baseUrl } = await createPlansServer(t);
  const settings = createSettings(t, baseUrl);
  await produceStreams(settings, 'plans');
  await sinkStreams(settings);
  await produceStreams(settings, 'plans');
  const { streams } = await gatherStatus(settings, ['runs'], noSignal, { watchMs: 1_000 });
  const [runs] = streams;
  assert.ok((runs?.lag ?? 0n) > 0n);
  assert.deepEqual(runs?.problems, []);
});

test('a missing or empty table lags by the entire topic, whatever offsets are committed', async (t) => {
  const settings = createSettings(t);
  await createTopics(settings, 'plans');
  await sendPlans(t, settings, 0, 100);
  await sinkStreams(settings, 'plans');
  assert.deepEqual(figures((await statusOf(settings)).plans), [true, 0n, 100n]);
  await command(settings, `TRUNCATE TABLE ${plansTable(settings)}`);
  assert.deepEqual(figures((await statusOf(settings)).plans), [true, 100n, 0n]);
  await command(settings, `DROP TABLE ${plansTable(settings)} SYNC`);
  assert.deepEqual(figures((await statusOf(settings)).plans), [true, 100n, null]);
});

test('status counts the messages of a recreated topic as lag, and reports a missing topic', async (t) => {
  const settings = createSettings(t);
  const topic = topicOf(settings.topicPrefix, 'plans');
  await createTopics(settings, 'plans');
  await sendPlans(t, settings, 0, 100);
  await sinkStreams(settings, 'plans');
  await withAdmin(settings, async (admin) => {
    await admin.deleteTopics({ topics: [topic] });
    await waitFor('the end of the topic', async () => !(await admin.listTopics()).includes(topic));
  });
  const without = await statusOf(settings);
  assert.deepEqual(figures(without.plans), [null, null, 100n]);
  assert.deepEqual(without.warnings, [
    `table plans_raw: no topic ${topic}, so it cannot be rebuilt; check TOPIC_PREFIX, or run \`npm run produce\``,
  ]);
  await createTopics(settings, 'plans');
  await sendPlans(t, settings, 0, 20);
  assert.deepEqual(figures((await statusOf(settings)).plans), [true, 20n, 100n]);
});

test('topics keep the latest message per key forever, and tombstones for the configured time', async (t) => {
  const settings = createSettings(t);
  await createTopics({ ...settings, kafka: { ...settings.kafka, tombstoneRetentionDays: 30 } }, 'plans');
  const topic = topicOf(settings.topicPrefix, 'plans');
  const admin = await connectAdmin(settings);
  t.after(() => admin.close());
  const configs = await admin.topicConfigs([topic]);
  const judged = Object.fromEntries(configs.get(topic) ?? []);
  assert.deepEqual({ ...wantedTopicConfig('plans', 30), ...judged }, wantedTopicConfig('plans', 30));
  assert.equal(judged['delete.retention.ms'], String(30 * 86_400_000));
  assert.equal(Object.keys(judged).length, 5);
  assert.deepEqual((await statusOf(settings)).warnings, []);
});

test('status reports retention that makes a replay incomplete, and the rows at risk', async (t) => {
  const settings = createSettings(t);
  const topic = topicOf(settings.topicPrefix, 'plans');
  const deadLetters = deadLettersTopic(settings.topicPrefix);
  const configEntries = [
    { name: 'cleanup.policy', value: 'delete' },
    { name: 'retention.ms', value: '604800000' },
  ];
  await withAdmin(settings, (admin) =>
    admin.createTopics({
      topics: [topic, deadLetters].map((name) => ({ topic: name, numPartitions: 1, configEntries })),
      waitForLeaders: true,
    }),
  );
  await sendPlans(t, settings, 0, 100);
  await sinkStreams(settings, 'plans');
  const clock = `topic ${topic}: message.timestamp.type is CreateTime: the producers' clocks decide which version of a row is the latest; set it to LogAppendTime`;
  const deletes = `topic ${topic}: cleanup.policy is delete with retention.ms 604800000 (7 days): a replay lacks older messages`;
  const cure = '; set cleanup.policy to compact';
  const ofDeadLetters = `topic ${deadLetters}: cleanup.policy is delete with retention.ms 604800000 (7 days): older messages are lost${cure}`;
  assert.deepEqual((await statusOf(settings)).warnings, [deletes + cure, clock, ofDeadLetters]);

  await sendPlans(t, settings, 0, 10);
  await sinkStreams(settings, 'plans');
  await withAdmin(settings, async (admin) => {
    // kafkajs deletes only from a topic whose metadata it has loaded.
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '60' }] });
  });
  assert.deepEqual((await statusOf(settings, 'plans')).warnings, [
    `${deletes}, and the topic has already lost 60 messages${cure}`,
    clock,
    // Ten of the sixty plans were sent again.
    `table plans_raw: the messages of 50 live rows are gone from ${topic}: a replay would lose these rows; \`npm run produce -- --full\` sends the records that ChartMogul still has`,
  ]);
  assert.deepEqual(figures((await statusOf(settings)).plans).slice(1, 2), [0n]);
});

test('an unavailable service is reported, and its part of the status is unknown', async (t) => {
  const settings = createSettings(t);
  await createTopics(settings, 'plans');
  await sendPlans(t, settings, 0, 10);
  await sinkStreams(settings, 'plans');
  const nowhere = 'http://127.0.0.1:1';
  const env = { ...environmentOf(settings), CLICKHOUSE_URL: nowhere };
  const shown = await runCommand(t, 'commands/status.ts', [], env);
  assert.equal(shown.exitCode, 1);
  assert.match(shown.stdout, /^plans +~10 +\? +\? +– +–$/m);
  assert.match(shown.stderr, /^ClickHouse does not respond at http:\/\/127\.0\.0\.1:1 \(CLICKHOUSE_URL\)/);
  assert.equal(shown.stderr.trim().split('\n').length, 1);

  const withoutKafka = await statusOf({
    ...settings,
    kafka: { ...settings.kafka, brokers: ['127.0.0.1:1'] },
    schemaRegistry: { ...settings.schemaRegistry, url: nowhere },
  });
  assert.deepEqual(figures(withoutKafka.plans), [undefined, undefined, 10n]);
  assert.deepEqual(withoutKafka.warnings, []);
  assert.equal(withoutKafka.failures.length, 2);
  for (const failure of withoutKafka.failures) assert.match(failure, /KAFKA_BROKERS|SCHEMA_REGISTRY_URL/);
});

test('status rejects an unknown stream, and does not fail if there are no streams', async (t) => {
  const settings = createSettings(t);
  const { streams, warnings, failures } = await statusOf(settings);
  assert.deepEqual({ streams, warnings, failures }, { streams: [], warnings: [], failures: [] });
  await assert.rejects(
    gatherStatus(settings, ['plans', 'unicorns'], noSignal),
    (error) =>
      error instanceof ConfigError &&
      /^--streams must be one of account, .*; got "unicorns"$/.test(error.message),
  );
});
