import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import test from 'node:test';
import { sink } from '../../consumers/run/sink.ts';
import { qualified } from '../../core/clickhouse/client.ts';
import { topicOf } from '../../core/stream-name.ts';
import { committedMessages, folded } from '../helpers/committed.ts';
import { connectAdmin, connectKafkajs } from '../helpers/kafka-admin.ts';
import { createKafkaCluster } from '../helpers/kafka-cluster.ts';
import { produceStreams, sinkStreams } from '../helpers/pipeline.ts';
import { command } from '../helpers/plans-table.ts';
import { assertReconciled } from '../helpers/reconciled.ts';
import { createSettings } from '../helpers/settings.ts';
import { createSimulatorServer } from '../helpers/simulator.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { assertTruth, truthOf } from '../helpers/truth.ts';
import { waitFor } from '../helpers/wait-for.ts';

/** A run sends one request per customer, so it takes about ten seconds at this rate. */
const CUSTOMERS = 400;
const REQUESTS_PER_SECOND = 40;
const streams = ['customers', 'plans', 'customer_subscriptions'];
const DEADLINE_MS = 120_000;

test('produce and sink neither lose nor duplicate messages when one of three brokers is killed', async (t) => {
  const cluster = await createKafkaCluster(t);
  const killed = randomInt(cluster.addresses.length);
  t.diagnostic(`broker ${killed + 1} is killed`);
  const { simulator, baseUrl } = await createSimulatorServer(t, { customers: CUSTOMERS, seed: 5 });
  const own = createSettings(t, baseUrl);
  const settings = {
    ...own,
    chartmogul: { ...own.chartmogul, maxRequestsPerSecond: REQUESTS_PER_SECOND },
    kafka: { ...own.kafka, brokers: cluster.addresses },
  };

  const tableOf = (stream: string) => qualified(settings.clickhouse.database, `${stream}_raw`);

  await t.test('topics have as many replicas as the settings or the brokers specify', async () => {
    const replicasWith = async (stream: string, topicReplicationFactor?: number) => {
      const kafka = { ...settings.kafka, topicReplicationFactor };
      const topic = topicOf(settings.topicPrefix, stream);
      const admin = await connectAdmin({ kafka });
      await admin.ensureTopics([topic]).finally(() => admin.close());
      const kafkajs = await connectKafkajs(kafka);
      const { topics } = await kafkajs.fetchTopicMetadata({ topics: [topic] });
      await kafkajs.disconnect();
      return topics.flatMap(({ partitions }) => partitions.map(({ replicas }) => replicas.length));
    };
    assert.deepEqual(await replicasWith('plans'), [3, 3, 3, 3]);
    assert.deepEqual(await replicasWith('two', 2), [2, 2, 2, 2]);
    await assert.rejects(
      replicasWith('four', 4),
      /INVALID_REPLICATION_FACTOR for topic \S+\.four: .*; set TOPIC_REPLICATION_FACTOR to at most/,
    );
  });

  const stop = new AbortController();
  const sinking = sink(settings, { streams, untilCaughtUp: false }, stop.signal);
  // Prevents an unhandled rejection: a failure is reported where `sinking` is awaited.
  sinking.catch(() => {});
  let isProducing = true;
  const producing = produceStreams(settings, ...streams).finally(() => (isProducing = false));
  try {
    const hasRows = async () => {
      const counts = streams.map((stream) => `(SELECT count() FROM ${tableOf(stream)})`);
      const [row] = await rowsOf(settings, `SELECT least(${counts.join(', ')}) AS n`).catch(() => []);
      return Number(row?.['n'] ?? 0) > 0;
    };
    await Promise.race([waitFor('the first rows', hasRows, DEADLINE_MS), producing, sinking]);
    // A merge would remove a row that is inserted twice.
    for (const stream of streams) await command(settings, `SYSTEM STOP MERGES ${tableOf(stream)}`);
    assert.ok(isProducing, 'the run ended before the broker could be killed');
    cluster.kill(killed);
    for (const { stream, failure } of await producing) assert.equal(failure, undefined, stream);
    await cluster.start(killed);
  } finally {
    stop.abort();
    await Promise.allSettled([producing, sinking]);
  }
  for (const { stream, failure } of await sinking) assert.equal(failure, undefined, stream);
  for (const { stream, failure } of await sinkStreams(settings, ...streams))
    assert.equal(failure, undefined, stream);
  for (const [stream, messages] of await committedMessages(settings, ...streams)) {
    assert.equal(
      new Set(messages.map(({ key }) => key)).size,
      messages.length,
      `${stream}: a key occurs twice`,
    );
    await assertTruth(settings, stream, folded(messages), truthOf(simulator, stream));
    const query = `SELECT count() AS n, uniqExact(_partition, _offset) AS places FROM ${tableOf(stream)}`;
    assert.deepEqual(await rowsOf(settings, query), [{ n: messages.length, places: messages.length }]);
  }
  await assertReconciled(settings, streams);
});
