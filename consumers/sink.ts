import { setMaxListeners } from 'node:events';
import type { Admin } from 'kafkajs';
import pLimit from 'p-limit';
import { Registry } from '../core/avro/registry.ts';
import { streamNames } from '../core/avro/schema-files.ts';
import { CaughtUp } from '../core/caught-up.ts';
import {
  clickHouseError,
  createClickHouse,
  probeClickHouse,
  quoted,
  type ClickHouseClient,
} from '../core/clickhouse.ts';
import type { Settings } from '../core/config.ts';
import { ConfigError, messageOf } from '../core/errors.ts';
import {
  askKafka,
  connectAdmin,
  ensureTopics,
  mendKafkaError,
  partitionEnds,
  type AskAdmin,
} from '../core/kafka.ts';
import { logger } from '../core/logger.ts';
import { serveMetrics } from '../core/metrics-server.ts';
import { probeRetry, steadyRetry, type RetryPolicy } from '../core/retry.ts';
import { storageTableOf, streamOfTopic, subjectOf, topicOf } from '../core/stream-name.ts';
import { BatchInserter } from './batch-inserter.ts';
import { StorageTable } from './clickhouse/storage-table.ts';
import { onCluster } from './clickhouse/table-ddl.ts';
import { isDerivedView } from './clickhouse/view.ts';
import { consume, createSinkConsumer, topicControl } from './consume.ts';
import { DeadLetters } from './dead-letters.ts';
import { RowBuffers } from './row-buffers.ts';
import { createSinkCounts, type SinkCounts } from './sink-counts.ts';
import { createSinkMetrics } from './sink-metrics.ts';
import { startSinkProgress } from './sink-progress.ts';
import { StreamSchemas } from './stream-schemas.ts';
import { StreamSink, type BatchLimits } from './stream-sink.ts';
import { TopicPartitions } from './topic-partitions.ts';

export interface SinkOptions {
  /** Only these streams; all that there are if undefined. */
  readonly streams: readonly string[] | undefined;
  /** Return when every partition has been sunk up to the end offset that it had at the start. */
  readonly untilCaughtUp: boolean;
}

/**
 * Large inserts are what ClickHouse is fast with; the age bounds how late a row is seen. The bytes leave room for a fetch in a buffer of
 * 32 MiB, of which a table at work has two.
 */
const limits: BatchLimits = { rows: 200_000, bytes: 24 * 1024 * 1024, ageMs: 750, quietMs: 150 };
const TABLES_SIDE_BY_SIDE = 4;
/** What is taken is inserted within this time when the sink is stopped, or is taken again by the next. */
const MAX_FLUSH_MS = 7_000;
const SAY_WAITING_EVERY_MS = 10_000;

/**
 * Consumes the topics of the streams and inserts them into their tables until the signal aborts or, on demand, until caught
 * up. A stream that fails is left where it stands; the others go on. Services that go away are waited for.
 *
 * @returns what each stream's sink did.
 * @throws ConfigError, ServiceUnavailableError or ServiceRefusedError before anything is consumed.
 */
export async function sink(
  settings: Settings,
  options: SinkOptions,
  signal: AbortSignal,
): Promise<readonly SinkCounts[]> {
  const clickhouse = createClickHouse(settings.clickhouse);
  // Of the work itself: it ends some time after the signal, so that what was taken can be inserted.
  const work = new AbortController();
  setMaxListeners(0, work.signal);
  const registry = new Registry(settings.schemaRegistry, work.signal);
  const onAbort = () => setTimeout(() => work.abort(signal.reason), MAX_FLUSH_MS).unref();
  let admin: Admin | undefined;
  try {
    await registry.probe(probeRetry);
    await probeClickHouse(clickhouse, settings.clickhouse, signal);
    admin = await connectAdmin(settings.kafka, 'sink', signal);
    await createDatabase(clickhouse, settings);
    signal.addEventListener('abort', onAbort, { once: true });
    const services = { admin, registry, clickhouse, signal: work.signal };
    return await sinkStreams(settings, options, services, signal);
  } catch (error) {
    throw mendKafkaError(error, settings.kafka);
  } finally {
    signal.removeEventListener('abort', onAbort);
    work.abort(new Error('the sink has ended'));
    await Promise.all([admin?.disconnect(), clickhouse.close()]);
  }
}

interface Services {
  readonly admin: Admin;
  readonly registry: Registry;
  readonly clickhouse: ClickHouseClient;
  readonly signal: AbortSignal;
}

async function sinkStreams(
  settings: Settings,
  options: SinkOptions,
  services: Services,
  signal: AbortSignal,
): Promise<readonly SinkCounts[]> {
  const { topicPrefix, kafka } = settings;
  const ask: AskAdmin = (question) => askKafka(kafka, services.signal, () => question(services.admin));
  const streams = await prepareStreams(settings, options, services);
  const topics = streams.map((stream) => topicOf(topicPrefix, stream));
  if (topics.length === 0) return [];
  const caughtUp = new CaughtUp(options.untilCaughtUp ? await partitionEnds(ask, topics) : []);
  const group = createSinkConsumer(settings);
  const letters = new DeadLetters(services.admin, settings, services.signal);
  const limit = pLimit(TABLES_SIDE_BY_SIDE);
  const buffers = new RowBuffers();
  const sinks = new Map<string, StreamSink>();
  for (const stream of streams) {
    const topic = topicOf(topicPrefix, stream);
    const counts = createSinkCounts(stream, storageTableOf(stream));
    const policy = patiently(counts);
    const table = new StorageTable({
      client: services.clickhouse,
      settings: settings.clickhouse,
      stream,
      signal: services.signal,
      policy,
      onChange: () => counts.schemaChanges++,
    });
    const schemas = new StreamSchemas(services.registry, subjectOf(topicPrefix, stream), table, policy);
    const control = topicControl(group.consumer, group.member, topic);
    const askPatiently: AskAdmin = (question) =>
      askKafka(kafka, services.signal, () => question(services.admin), policy);
    const partitions = new TopicPartitions({ topic, table, ask: askPatiently, control, caughtUp });
    const inserter = new BatchInserter({ topic, table, letters, counts, policy, limit });
    sinks.set(
      topic,
      new StreamSink({ topic, table, schemas, partitions, inserter, limits, buffers, counts }),
    );
  }
  const counts = [...sinks.values()].map((streamSink) => streamSink.counts);
  const server = await serveMetrics(settings.metricsPort, createSinkMetrics(counts));
  const progress = startSinkProgress(counts, process.stderr);
  try {
    await consume(group, settings, sinks, options.untilCaughtUp ? caughtUp : undefined, ask, signal);
    return counts;
  } finally {
    progress.stop();
    await Promise.all([letters.close(), server.close()]);
  }
}

/** Asks a service again for as long as it takes, and says so now and then. */
function patiently(counts: SinkCounts): RetryPolicy {
  let saidMs = -Infinity;
  return {
    ...steadyRetry,
    onRetry: (error) => {
      counts.retries++;
      counts.state = 'waiting';
      if (performance.now() - saidMs < SAY_WAITING_EVERY_MS) return;
      saidMs = performance.now();
      logger.warn({ stream: counts.stream, reason: messageOf(error) }, 'waiting for a service');
    },
  };
}

async function createDatabase(
  clickhouse: ClickHouseClient,
  { clickhouse: settings }: Settings,
): Promise<void> {
  try {
    await clickhouse.command({
      query: `CREATE DATABASE IF NOT EXISTS ${quoted(settings.database)}${onCluster(settings)}`,
    });
  } catch (error) {
    throw clickHouseError(error, settings, `database ${settings.database}`);
  }
}

/** The streams to sink; their topics are there. */
async function prepareStreams(
  { topicPrefix, kafka }: Settings,
  options: SinkOptions,
  { admin, registry, signal }: Services,
): Promise<readonly string[]> {
  const existing = await askKafka(kafka, signal, () => admin.listTopics());
  const streams: string[] = [];
  for (const stream of chooseStreams(existing, topicPrefix, options.streams)) {
    if (!isDerivedView(stream) || (await isProduced(stream, existing, topicPrefix, registry)))
      streams.push(stream);
    else if (options.streams !== undefined)
      logger.info({ stream }, 'never produced: its view is made from another stream');
  }
  await ensureTopics(
    admin,
    kafka,
    streams.map((stream) => topicOf(topicPrefix, stream)),
    signal,
  );
  return streams;
}

/** The streams that have a schema file, and those that have a topic under the prefix. */
function chooseStreams(
  topics: readonly string[],
  prefix: string,
  wanted: readonly string[] | undefined,
): string[] {
  const found = topics.flatMap((topic) => streamOfTopic(prefix, topic) ?? []);
  const known = [...new Set([...streamNames, ...found])].sort();
  const unknown = wanted?.find((stream) => !known.includes(stream));
  if (unknown !== undefined)
    throw new ConfigError(`--streams got "${unknown}", wants some of ${known.join(', ')}`);
  return known.filter((stream) => wanted?.includes(stream) ?? true);
}

/**
 * Whether the stream has a topic or a subject. A stream that would take the place of a derived view is sunk only then: a source
 * that does not list it by itself must not get an empty table for it. All others are awaited.
 */
async function isProduced(
  stream: string,
  topics: readonly string[],
  prefix: string,
  registry: Registry,
): Promise<boolean> {
  if (topics.includes(topicOf(prefix, stream))) return true;
  return (await registry.latestText(subjectOf(prefix, stream))) !== undefined;
}
