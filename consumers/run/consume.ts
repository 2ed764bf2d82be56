import type { KafkaAdmin } from '../../core/kafka/admin.ts';
import { setImmediate as immediate, setInterval as every } from 'node:timers/promises';
import type { Consumer, EachBatchPayload } from 'kafkajs';
import type { CaughtUp } from '../../core/kafka/caught-up.ts';
import type { Settings } from '../../core/settings/config.ts';
import { kafkaError } from '../../core/kafka/kafka-error.ts';
import { logger } from '../../core/logger.ts';
import type { SinkGroup } from './sink-group.ts';
import type { StreamSink } from '../stream/stream-sink.ts';
import { watchTopics } from './watch-topics.ts';

const COMMITTED_CHECK_MS = 1_000;

/** A field that kafkajs's types omit. */
type FetchedBatch = EachBatchPayload['batch'] & { readonly fetchedOffset: string };

interface Consumed {
  readonly group: SinkGroup;
  readonly settings: Settings;
  /** Sinks by topic. Topics that appear while consuming are added. */
  readonly sinks: Map<string, StreamSink>;
  /** Returns the sink of a new topic; undefined for a topic that is not copied. */
  readonly sinkOf?: (topic: string) => StreamSink | undefined;
  /** If given, consuming ends once all sinks have caught up. */
  readonly caughtUp?: CaughtUp;
  readonly admin: KafkaAdmin;
}

/**
 * Consumes the topics of `sinks` as one member of the consumer group and hands each sink its
 * partitions and messages. Ends when the signal aborts, when all sinks have failed or, with
 * `caughtUp`, when all have caught up. Each sink then inserts the messages that it has accepted.
 * Topics may appear, vanish and be recreated: a missing topic stops only its own stream until the
 * topic exists again.
 * @throws ServiceUnavailableError or ServiceRefusedError when Kafka can no longer be used.
 */
export async function consume(consumed: Consumed, signal: AbortSignal): Promise<void> {
  const { group, sinks, caughtUp, admin } = consumed;
  const assigned = new Map<string, ReadonlySet<number>>();
  const done = new AbortController();
  const allFailed = new AbortController();
  let moreTopics = new AbortController();
  const working: Promise<void>[] = [];
  const begin = (sink: StreamSink) => {
    sink.onFailure = () => {
      if ([...sinks.values()].every((one) => one.hasFailedForGood)) allFailed.abort();
    };
    const run = sink.run();
    // The promise may reject before anything awaits it.
    run.catch(() => {});
    working.push(run);
  };
  for (const sink of sinks.values()) begin(sink);
  const watching = watchTopics(admin, sinks, done.signal, (topic) => {
    const sink = consumed.sinkOf?.(topic);
    if (sink === undefined) return;
    sinks.set(topic, sink);
    begin(sink);
    moreTopics.abort();
  });
  const others = caughtUp && watchOthers(group.groupId, admin, assigned, caughtUp, done.signal);
  others?.catch(() => {});
  const prepared = Promise.all([...sinks.values()].map((sink) => sink.prepared));
  const ended = Promise.race([
    aborted(allFailed.signal),
    aborted(signal),
    Promise.all(working),
    ...(caughtUp ? [prepared.then(() => caughtUp.reached), others] : []),
  ]).then(() => 'ended' as const);
  ended.catch(() => {});
  try {
    for (let member = group.current; ; member = await group.renew()) {
      moreTopics = new AbortController();
      const { crashed } = await start(member.consumer, consumed, assigned);
      logger.info({ topics: sinks.size, group: group.groupId }, 'consuming topics');
      if ((await Promise.race([crashed, ended, aborted(moreTopics.signal)])) === 'ended') break;
    }
  } finally {
    done.abort();
    for (const sink of sinks.values()) sink.stop();
    await Promise.all(working);
    await group.current.close();
    await watching;
  }
}

/**
 * Starts a consumer that reads the topics of all sinks. Keeps `assigned` up to date. `crashed`
 * rejects if the consumer crashes and does not restart.
 */
async function start(
  consumer: Consumer,
  { settings, sinks }: Consumed,
  assigned: Map<string, ReadonlySet<number>>,
): Promise<{ readonly crashed: Promise<never> }> {
  const topics = [...sinks.keys()];
  const crashed = new Promise<never>((_, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (!payload.restart) reject(kafkaError(payload.error, settings.kafka));
    });
  });
  crashed.catch(() => {});
  const assign = (assignment: Readonly<Record<string, readonly number[]>>) => {
    for (const [topic, sink] of sinks) {
      const partitions = assignment[topic] ?? [];
      assigned.set(topic, new Set(partitions));
      sink.assign(partitions);
    }
  };
  // Runs before anything is fetched for the new assignment: kafkajs calls listeners synchronously.
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => assign(payload.memberAssignment));
  // The group assigns the partitions to other members until the consumer joins it again.
  consumer.on(consumer.events.STOP, () => assign({}));
  // kafkajs reports batches that contain only transaction markers here, and not to `eachBatch`.
  consumer.on(
    consumer.events.END_BATCH_PROCESS,
    ({ payload: { topic, partition, batchSize, lastOffset, highWatermark } }) => {
      if (batchSize > 0) return;
      const next = BigInt(lastOffset) + 1n;
      sinks.get(topic)?.accept({ partition, messages: [], next, end: BigInt(highWatermark) });
    },
  );
  let handing = Promise.resolve();
  await consumer.connect();
  await consumer.subscribe({ topics, fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachBatchAutoResolve: false,
    partitionsConsumedConcurrently: 1,
    // kafkajs requests the next fetch when this returns, so the broker responds while rows are
    // built.
    eachBatch: async (payload) => {
      await handing;
      // A sink that accepts fewer messages seeks back.
      payload.resolveOffset(payload.batch.lastOffset());
      handing = immediate().then(() => handOver(payload, sinks));
    },
  });
  return { crashed };
}

/**
 * Hands a batch to its sink. Never waits, so that fetching and heartbeats continue while a table is
 * slow.
 */
function handOver(payload: EachBatchPayload, sinks: ReadonlyMap<string, StreamSink>): void {
  const { batch } = payload;
  if (!payload.isRunning() || payload.isStale()) return;
  const next = BigInt(batch.lastOffset()) + 1n;
  const { partition, messages } = batch;
  const from = BigInt((batch as FetchedBatch).fetchedOffset);
  sinks.get(batch.topic)?.accept({ partition, messages, from, next, end: BigInt(batch.highWatermark) });
}

/** Reads the progress of the group's other processes from the committed offsets. */
async function watchOthers(
  groupId: string,
  admin: KafkaAdmin,
  assigned: ReadonlyMap<string, ReadonlySet<number>>,
  caughtUp: CaughtUp,
  signal: AbortSignal,
): Promise<never> {
  const check = async () => {
    const behind = new Set(caughtUp.behind.map(({ topic }) => topic));
    const topics = [...behind].filter((topic) => assigned.has(topic));
    if (topics.length === 0) return;
    for (const [topic, partitions] of await admin.committedOffsets(groupId, topics)) {
      for (const [partition, { offset }] of partitions) {
        if (assigned.get(topic)?.has(partition) === false) caughtUp.advance(topic, partition, offset);
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
