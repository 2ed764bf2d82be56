import { setInterval as every } from 'node:timers/promises';
import type { Admin, EachBatchPayload } from 'kafkajs';
import { CaughtUp } from '../core/caught-up.ts';
import type { Settings } from '../core/config.ts';
import { askKafka, createKafka, kafkaError, partitionEnds, type AskAdmin } from '../core/kafka.ts';
import { logger } from '../core/logger.ts';
import type { StreamSink } from './stream-sink.ts';

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

/** One group for each database: a new one is filled from the beginning of the topics. */
export function sinkGroupOf({ topicPrefix, clickhouse }: Settings): string {
  return `${topicPrefix}sink.${clickhouse.database}`;
}

/**
 * Consumes the topics of `sinks` as one member of the consumer group until the signal aborts or, on demand, until caught up.
 *
 * @throws ServiceUnavailableError or ServiceRefusedError when Kafka can be used no longer.
 */
export async function consume(
  admin: Admin,
  settings: Settings,
  options: SinkOptions,
  sinks: ReadonlyMap<string, StreamSink>,
  signal: AbortSignal,
): Promise<void> {
  const groupId = sinkGroupOf(settings);
  const topics = [...sinks].filter(([, { counts }]) => counts.failure === undefined).map(([topic]) => topic);
  if (topics.length === 0) return;
  const consumer = createKafka(settings.kafka, 'sink').consumer({
    groupId,
    maxBytesPerPartition: MAX_FETCH_BYTES_PER_PARTITION,
    maxWaitTimeInMs: 200,
    sessionTimeout: 30_000,
    rebalanceTimeout: 60_000,
    allowAutoTopicCreation: false,
  });
  const ask: AskAdmin = (question) => askKafka(settings.kafka, signal, () => question(admin));
  const caughtUp = new CaughtUp(options.untilCaughtUp ? await partitionEnds(ask, topics) : []);
  const crashed = new Promise<never>((_, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (!payload.restart) reject(kafkaError(payload.error, settings.kafka));
    });
  });
  // Also told of batches that hold nothing but the marks of transactions.
  consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
    caughtUp.advance(payload.topic, payload.partition, BigInt(payload.lastOffset) + 1n);
  });

  let onAllStopped = () => {};
  const allStopped = new Promise<void>((resolve) => (onAllStopped = resolve));
  const onStopped = (topic: string) => {
    consumer.pause([{ topic }]);
    caughtUp.giveUp(topic);
    if ([...sinks.values()].every(({ counts }) => counts.failure !== undefined)) onAllStopped();
  };

  const done = new AbortController();
  const watch = watchCommitted(ask, groupId, caughtUp, done.signal);
  // They may reject before anybody waits for them.
  for (const promise of [watch, crashed]) promise.catch(() => {});
  try {
    await consumer.connect();
    await consumer.subscribe({ topics, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: TABLES_SIDE_BY_SIDE,
      eachBatch: (payload) => sinkBatch(payload, sinks, onStopped, signal),
    });
    logger.info({ topics: topics.length, group: groupId }, 'sinking');
    await Promise.race([
      crashed,
      watch,
      allStopped,
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
  sinks: ReadonlyMap<string, StreamSink>,
  onStopped: (topic: string) => void,
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
    if (!signal.aborted) streamSink.fail(error);
    onStopped(topic);
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

/** What was sunk before, or is sunk by another process of the group, shows only in the group's committed offsets. */
async function watchCommitted(
  ask: AskAdmin,
  groupId: string,
  caughtUp: CaughtUp,
  signal: AbortSignal,
): Promise<never> {
  const check = async () => {
    const topics = [...new Set(caughtUp.behind.map(({ topic }) => topic))];
    if (topics.length === 0) return;
    for (const { topic, partitions } of await ask((admin) => admin.fetchOffsets({ groupId, topics }))) {
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
