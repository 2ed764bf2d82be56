import { setImmediate as immediate, setInterval as every } from 'node:timers/promises';
import type { Consumer, EachBatchPayload } from 'kafkajs';
import type { CaughtUp } from '../core/caught-up.ts';
import type { Settings } from '../core/config.ts';
import { createKafka, kafkaError, type AskAdmin } from '../core/kafka.ts';
import { logger } from '../core/logger.ts';
import { GroupMember } from './group-member.ts';
import { bySubscription } from './partition-assigner.ts';
import type { StreamSink } from './stream-sink.ts';
import type { TopicControl } from './topic-partitions.ts';

/**
 * From 256 KiB to 1 MiB a sink is equally fast; at 2 MiB it is a tenth slower, since more of what a fetch is decoded to survives V8's scavenges
 * and is copied. The smaller a fetch, the more of it is the beginning of a batch that is to be fetched again.
 */
const MAX_FETCH_BYTES = 1024 * 1024;
/** How long a fetch waits for messages, and so how long a topic that was held may take to flow again. */
const MAX_FETCH_WAIT_MS = 100;
/** After a kill, how long the partitions of the one that died wait for another. */
const SESSION_TIMEOUT_MS = 10_000;
const HEARTBEAT_MS = 2_000;
const REBALANCE_TIMEOUT_MS = 60_000;
const COMMITTED_CHECK_MS = 1_000;

/** One group for each database. Its committed offsets are for lag tools; where to go on, each table says itself. */
export function sinkGroupOf({ topicPrefix, clickhouse }: Settings): string {
  return `${topicPrefix}sink.${clickhouse.database}`;
}

/** A consumer, which {@link consume} runs, and what its group knows of it. */
export interface SinkConsumer {
  readonly groupId: string;
  readonly consumer: Consumer;
  readonly member: GroupMember;
}

export function createSinkConsumer(settings: Settings, groupId = sinkGroupOf(settings)): SinkConsumer {
  const consumer = createKafka(settings.kafka, 'sink').consumer({
    groupId,
    partitionAssigners: [bySubscription],
    maxBytes: MAX_FETCH_BYTES,
    maxBytesPerPartition: MAX_FETCH_BYTES,
    maxWaitTimeInMs: MAX_FETCH_WAIT_MS,
    sessionTimeout: SESSION_TIMEOUT_MS,
    heartbeatInterval: HEARTBEAT_MS,
    rebalanceTimeout: REBALANCE_TIMEOUT_MS,
    allowAutoTopicCreation: false,
  });
  return { groupId, consumer, member: new GroupMember(consumer, SESSION_TIMEOUT_MS) };
}

/** What a stream's sink may ask of the consumer. Outside the group kafkajs would throw; what the group gives next is positioned anew. */
export function topicControl(consumer: Consumer, member: GroupMember, topic: string): TopicControl {
  const steer = (work: () => void) => {
    if (member.isJoined) work();
  };
  return {
    pause: () => steer(() => consumer.pause([{ topic }])),
    resume: () => steer(() => consumer.resume([{ topic }])),
    seek: (partition, offset) => steer(() => consumer.seek({ topic, partition, offset: String(offset) })),
    commit: (offsets) => member.commit(topic, offsets),
    isMember: () => member.isKnown,
  };
}

/**
 * Consumes the topics of `sinks` as one member of the consumer group and hands each its partitions and messages, until the signal
 * aborts, all have failed or, on demand, until caught up. Then each sink inserts what it has taken.
 *
 * @throws ServiceUnavailableError or ServiceRefusedError when Kafka can be used no longer.
 */
export async function consume(
  { groupId, consumer, member }: SinkConsumer,
  settings: Settings,
  sinks: ReadonlyMap<string, StreamSink>,
  caughtUp: CaughtUp | undefined,
  ask: AskAdmin,
  signal: AbortSignal,
): Promise<void> {
  const topics = [...sinks.keys()];
  const assigned = new Map<string, ReadonlySet<number>>();
  const crashed = new Promise<never>((_, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (!payload.restart) reject(kafkaError(payload.error, settings.kafka));
    });
  });
  // Before anything is fetched for the new assignment: listeners are called at once.
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    for (const [topic, sink] of sinks) {
      const partitions = payload.memberAssignment[topic] ?? [];
      assigned.set(topic, new Set(partitions));
      sink.assign(partitions);
    }
  });
  // The group gives the partitions to others, until the consumer joins it again.
  consumer.on(consumer.events.STOP, () => {
    for (const [topic, sink] of sinks) {
      assigned.set(topic, new Set());
      sink.assign([]);
    }
  });
  // Also told of batches that hold nothing but the marks of transactions, which no handler gets to see.
  consumer.on(
    consumer.events.END_BATCH_PROCESS,
    ({ payload: { topic, partition, batchSize, lastOffset, highWatermark } }) => {
      if (batchSize > 0) return;
      const next = BigInt(lastOffset) + 1n;
      sinks.get(topic)?.accept({ partition, messages: [], next, end: BigInt(highWatermark) });
    },
  );
  const done = new AbortController();
  let handing = Promise.resolve();
  const allFailed = new Promise<void>((resolve) => {
    const all = [...sinks.values()];
    const check = () => {
      if (all.every(({ counts }) => counts.failure !== undefined)) resolve();
    };
    for (const sink of all) sink.onFailure(check);
  });
  const working = [...sinks.values()].map((sink) => sink.run());
  const watch = caughtUp && watchOthers(groupId, ask, assigned, caughtUp, done.signal);
  // They may reject before anybody waits for them.
  for (const promise of [watch, crashed, ...working]) promise?.catch(() => {});
  try {
    await consumer.connect();
    await consumer.subscribe({ topics, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: 1,
      // kafkajs asks for the next fetch when this returns: so what it gave becomes rows while the broker answers.
      eachBatch: async (payload) => {
        await handing;
        // Where the sink takes less, it sends the consumer back.
        payload.resolveOffset(payload.batch.lastOffset());
        handing = immediate().then(() => handOver(payload, sinks));
      },
    });
    logger.info({ topics: topics.length, group: groupId }, 'sinking');
    const prepared = Promise.all([...sinks.values()].map((sink) => sink.prepared));
    await Promise.race([
      crashed,
      allFailed,
      Promise.all(working),
      aborted(signal),
      ...(caughtUp ? [prepared.then(() => caughtUp.reached), watch] : []),
    ]);
  } finally {
    done.abort();
    for (const sink of sinks.values()) sink.stop();
    await Promise.all(working);
    await member.lastCommit();
    await consumer.disconnect();
  }
}

/** Never waits, so that fetching and heartbeats go on whatever a table does. */
function handOver(payload: EachBatchPayload, sinks: ReadonlyMap<string, StreamSink>): void {
  const { batch } = payload;
  if (!payload.isRunning() || payload.isStale()) return;
  const next = BigInt(batch.lastOffset()) + 1n;
  const { partition, messages } = batch;
  sinks.get(batch.topic)?.accept({ partition, messages, next, end: BigInt(batch.highWatermark) });
}

/** What another process of the group has sunk shows only in the group's committed offsets. */
async function watchOthers(
  groupId: string,
  ask: AskAdmin,
  assigned: ReadonlyMap<string, ReadonlySet<number>>,
  caughtUp: CaughtUp,
  signal: AbortSignal,
): Promise<never> {
  const check = async () => {
    const topics = [...new Set(caughtUp.behind.map(({ topic }) => topic))].filter((topic) =>
      assigned.has(topic),
    );
    if (topics.length === 0) return;
    for (const { topic, partitions } of await ask((admin) => admin.fetchOffsets({ groupId, topics }))) {
      for (const { partition, offset } of partitions) {
        if (assigned.get(topic)?.has(partition) === false) caughtUp.advance(topic, partition, BigInt(offset));
      }
    }
  };
  try {
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
