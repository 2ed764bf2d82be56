import { setInterval as every } from 'node:timers/promises';
import type { Admin, Consumer, EachBatchPayload, Kafka } from 'kafkajs';
import { Registry } from '../core/avro/registry.ts';
import { streamNames } from '../core/avro/schema-files.ts';
import {
  clickHouseError,
  createClickHouse,
  probeClickHouse,
  quoted,
  type ClickHouseClient,
} from '../core/clickhouse.ts';
import type { Settings } from '../core/config.ts';
import { ConfigError, messageOf } from '../core/errors.ts';
import { connectAdmin, createKafka, ensureTopics, kafkaError } from '../core/kafka.ts';
import { logger } from '../core/logger.ts';
import { probeRetry } from '../core/retry.ts';
import { storageTableOf, streamOfTopic, subjectOf, topicOf } from '../core/stream-name.ts';
import { CaughtUp, type PartitionEnd } from './caught-up.ts';
import { StorageTable } from './clickhouse/storage-table.ts';
import { StreamSink, type SinkCounts } from './stream-sink.ts';

export interface SinkOptions {
  /** Only these streams; all that there are if undefined. */
  readonly streams: readonly string[] | undefined;
  /** Return when every partition has been sunk up to the end offset that it had at the start. */
  readonly untilCaughtUp: boolean;
}

const MAX_FETCH_BYTES_PER_PARTITION = 4 * 1024 * 1024;
const TABLES_SIDE_BY_SIDE = 4;
const HEARTBEAT_MS = 3_000;
const COMMITTED_CHECK_MS = 1_000;

/**
 * Consumes the topics of the streams and inserts them into their tables until the signal aborts or, on demand, until caught
 * up. A stream that fails is left where it stands; the others go on.
 *
 * @returns what each stream's sink did.
 * @throws ConfigError, ServiceUnavailableError or ServiceRefusedError before anything is consumed.
 */
export async function sink(
  settings: Settings,
  options: SinkOptions,
  signal: AbortSignal,
): Promise<readonly SinkCounts[]> {
  const registry = new Registry(settings.schemaRegistry, signal);
  const kafka = createKafka(settings.kafka, 'sink');
  const clickhouse = createClickHouse(settings.clickhouse);
  await registry.probe(probeRetry);
  await probeClickHouse(clickhouse, settings.clickhouse, signal);
  const admin = await connectAdmin(settings.kafka, 'sink', signal);
  try {
    await createDatabase(clickhouse, settings);
    const sinks = await prepareSinks(settings, options, { admin, registry, clickhouse, signal });
    await consume(kafka, admin, settings, options, sinks, signal);
    return [...sinks.values()].map(({ counts }) => counts);
  } finally {
    await Promise.all([admin.disconnect(), clickhouse.close()]);
  }
}

interface Services {
  readonly admin: Admin;
  readonly registry: Registry;
  readonly clickhouse: ClickHouseClient;
  readonly signal: AbortSignal;
}

async function createDatabase(
  clickhouse: ClickHouseClient,
  { clickhouse: settings }: Settings,
): Promise<void> {
  try {
    await clickhouse.command({ query: `CREATE DATABASE IF NOT EXISTS ${quoted(settings.database)}` });
  } catch (error) {
    throw clickHouseError(error, settings, `database ${settings.database}`);
  }
}

/** The sink of each topic, its table made. A stream that fails here is not consumed. */
async function prepareSinks(
  { topicPrefix, clickhouse: target }: Settings,
  options: SinkOptions,
  { admin, registry, clickhouse, signal }: Services,
): Promise<Map<string, StreamSink>> {
  const streams = await chooseStreams(admin, topicPrefix, options.streams);
  await ensureTopics(
    admin,
    streams.map((stream) => topicOf(topicPrefix, stream)),
  );
  const prepared = streams.map(async (stream) => {
    const table = new StorageTable(clickhouse, target, stream, signal);
    const streamSink = new StreamSink(registry, table, storageTableOf(stream));
    await streamSink
      .prepare(subjectOf(topicPrefix, stream))
      .catch((error: unknown) => fail(streamSink, error, signal));
    return [topicOf(topicPrefix, stream), streamSink] as const;
  });
  return new Map(await Promise.all(prepared));
}

/** The streams that have a schema file, and those that have a topic under the prefix. */
async function chooseStreams(
  admin: Admin,
  prefix: string,
  wanted: readonly string[] | undefined,
): Promise<string[]> {
  const topics = await admin.listTopics();
  const found = topics.flatMap((topic) => streamOfTopic(prefix, topic) ?? []);
  const known = [...new Set([...streamNames, ...found])].sort();
  const unknown = wanted?.find((stream) => !known.includes(stream));
  if (unknown !== undefined)
    throw new ConfigError(`--streams got "${unknown}", wants some of ${known.join(', ')}`);
  return known.filter((stream) => wanted?.includes(stream) ?? true);
}

async function consume(
  kafka: Kafka,
  admin: Admin,
  settings: Settings,
  options: SinkOptions,
  sinks: ReadonlyMap<string, StreamSink>,
  signal: AbortSignal,
): Promise<void> {
  const groupId = `${settings.topicPrefix}sink`;
  const topics = [...sinks].filter(([, { counts }]) => counts.failure === undefined).map(([topic]) => topic);
  const consumer = kafka.consumer({
    groupId,
    maxBytesPerPartition: MAX_FETCH_BYTES_PER_PARTITION,
    maxWaitTimeInMs: 200,
    sessionTimeout: 30_000,
    rebalanceTimeout: 60_000,
    allowAutoTopicCreation: false,
  });
  const caughtUp = new CaughtUp(options.untilCaughtUp ? await partitionEnds(admin, topics) : []);
  const crashed = new Promise<never>((_, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (!payload.restart) reject(kafkaError(payload.error, settings.kafka));
    });
  });
  // Also told of batches that hold nothing but the marks of transactions.
  consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
    caughtUp.advance(payload.topic, payload.partition, BigInt(payload.lastOffset) + 1n);
  });

  const done = new AbortController();
  const watch = watchCommitted(admin, groupId, caughtUp, done.signal);
  try {
    await consumer.connect();
    await consumer.subscribe({ topics, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: TABLES_SIDE_BY_SIDE,
      eachBatch: (payload) => sinkBatch(payload, consumer, sinks, caughtUp, signal),
    });
    logger.info({ topics: topics.length, group: groupId }, 'sinking');
    await Promise.race([
      crashed,
      watch,
      aborted(signal),
      ...(options.untilCaughtUp ? [caughtUp.reached] : []),
    ]);
  } finally {
    done.abort();
    await consumer.disconnect();
  }
}

/** In this order, since the guarantee is: insert, acknowledged → resolve → commit. */
async function sinkBatch(
  payload: EachBatchPayload,
  consumer: Consumer,
  sinks: ReadonlyMap<string, StreamSink>,
  caughtUp: CaughtUp,
  signal: AbortSignal,
): Promise<void> {
  const { topic, partition, messages } = payload.batch;
  const streamSink = sinks.get(topic);
  if (
    streamSink === undefined ||
    streamSink.counts.failure !== undefined ||
    !payload.isRunning() ||
    payload.isStale()
  )
    return;
  try {
    await withHeartbeats(payload, () => streamSink.insertBatch({ topic, partition, messages }));
  } catch (error) {
    fail(streamSink, error, signal);
    consumer.pause([{ topic }]);
    caughtUp.giveUp(topic);
    return;
  }
  const lastOffset = payload.batch.lastOffset();
  payload.resolveOffset(lastOffset);
  const offset = String(BigInt(lastOffset) + 1n);
  await payload.commitOffsetsIfNecessary({ topics: [{ topic, partitions: [{ partition, offset }] }] });
  await payload.heartbeat();
}

/** Keeps the group membership alive while `work` takes its time. */
async function withHeartbeats(payload: EachBatchPayload, work: () => Promise<void>): Promise<void> {
  // A heartbeat that fails is told again by the commit.
  const timer = setInterval(() => void payload.heartbeat().catch(() => {}), HEARTBEAT_MS);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
}

/** Keeps why a stream failed and says it once. */
function fail(streamSink: StreamSink, error: unknown, signal: AbortSignal): void {
  if (signal.aborted) return;
  streamSink.counts.failure = error instanceof Error ? error : new Error(messageOf(error));
  logger.error({ stream: streamSink.counts.stream, reason: messageOf(error) }, 'stream stopped');
}

async function partitionEnds(admin: Admin, topics: readonly string[]): Promise<PartitionEnd[]> {
  const ends = topics.map(async (topic) => {
    const partitions = await admin.fetchTopicOffsets(topic);
    return partitions
      .filter(({ low, high }) => low !== high)
      .map(({ partition, high }) => ({ topic, partition, end: BigInt(high) }));
  });
  return (await Promise.all(ends)).flat();
}

/** What was sunk before, or is sunk by another process of the group, shows only in the group's committed offsets. */
async function watchCommitted(
  admin: Admin,
  groupId: string,
  caughtUp: CaughtUp,
  signal: AbortSignal,
): Promise<never> {
  const check = async () => {
    const topics = [...new Set(caughtUp.behind.map(({ topic }) => topic))];
    if (topics.length === 0) return;
    for (const { topic, partitions } of await admin.fetchOffsets({ groupId, topics })) {
      for (const { partition, offset } of partitions) caughtUp.advance(topic, partition, BigInt(offset));
    }
  };
  try {
    await check();
    for await (const tick of every(COMMITTED_CHECK_MS, check, { signal })) await tick();
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return new Promise(() => {});
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
