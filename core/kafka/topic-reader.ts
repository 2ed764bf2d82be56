import { randomUUID } from 'node:crypto';
import type { KafkaMessage } from 'kafkajs';
import type { KafkaAdmin } from './admin.ts';
import { CaughtUp, type PartitionEnd } from './caught-up.ts';
import type { Settings } from '../settings/config.ts';
import { StoppedError, UnreadableBatchError } from '../errors.ts';
import { assertReadable } from './decoder/fetched-message.ts';
import { messagesOf } from './decoder/packed-batch.ts';
import { createKafka } from './client.ts';
import { disconnectConsumer } from './disconnect-consumer.ts';
import { kafkaError, kafkaNotAnswering } from './kafka-error.ts';
import { logger } from '../logger.ts';
import { TimeSlice } from '../time-slice.ts';

const MAX_FETCH_BYTES_PER_PARTITION = 4 * 1024 * 1024;

/**
 * Longer than our transactions may stay open: compaction has removed messages that are still
 * missing.
 */
const SILENCE_MS = 60_000;

/** A consumer fetches all the time: if no fetch is answered for this long, Kafka is down. */
const MAX_UNANSWERED_MS = 20_000;

/** Interval of heartbeats while a batch is handled. */
const HEARTBEAT_MS = 3_000;

/** Offsets of a partition from `from` up to, but excluding, `to`. */
export interface OffsetSpan {
  readonly from: bigint;
  readonly to: bigint;
}

/** Handles the messages of one topic. Those of a key arrive in the order of the topic. */
export type MessageHandler = (message: KafkaMessage, partition: number) => void;

interface ReadOptions {
  /**
   * By topic and partition, the only offsets that are read. Topics without an entry are read whole.
   */
  readonly spans?: ReadonlyMap<string, ReadonlyMap<number, OffsetSpan>> | undefined;
  /** Awaited after each fetched batch, before the next one is handed over. It may take any time. */
  readonly afterFetch?: () => Promise<void>;
  /**
   * Called for an unreadable topic. True: the reader continues with the others; false: it fails.
   */
  readonly onUnreadable?: (topic: string, error: UnreadableBatchError) => boolean;
}

/**
 * Reads the committed messages of topics from the beginning to the current end offsets, and returns
 * when all are handled. Each reader has a consumer group of its own, so that readers never share
 * partitions, and removes it afterwards.
 * @returns the partitions whose last messages compaction removed.
 * @throws ServiceUnavailableError, also after a minute without a response; ServiceRefusedError; the
 *   signal's reason; what a handler or `afterFetch` throws; UnreadableBatchError without
 *   `onUnreadable`.
 */
export async function readTopics(
  admin: KafkaAdmin,
  settings: Pick<Settings, 'kafka' | 'topicPrefix'>,
  handlers: ReadonlyMap<string, MessageHandler>,
  signal: AbortSignal,
  { afterFetch, onUnreadable, spans = new Map() }: ReadOptions = {},
): Promise<readonly PartitionEnd[]> {
  const logs = await admin.endOffsets([...handlers.keys()]);
  const ends = logs.flatMap(({ topic, partition, end }) => {
    const to = spans.has(topic) ? (spans.get(topic)?.get(partition)?.to ?? 0n) : end;
    return to > 0n ? [{ topic, partition, end: to < end ? to : end }] : [];
  });
  if (ends.length === 0) return [];
  const topics = [...new Set(ends.map(({ topic }) => topic))];
  const caughtUp = new CaughtUp(ends);
  /** By topic and partition, the offset after the last handled message. */
  const handed = new Map<string, bigint>();
  const unreadable = new Set<string>();
  const groupId = `${settings.topicPrefix}read.${randomUUID()}`;
  let isOver = false;
  // A function, because TypeScript would not see that the value changes during an await.
  const hasEnded = () => isOver;
  const consumer = createKafka(settings.kafka, 'read').consumer({
    groupId,
    // A consumer that is reconnecting would outlive `disconnect`.
    retry: { restartOnFailure: () => Promise.resolve(!isOver) },
    maxBytesPerPartition: MAX_FETCH_BYTES_PER_PARTITION,
    // The end of the reading waits for the fetch in progress, which finds no more messages.
    maxWaitTimeInMs: 20,
    allowAutoTopicCreation: false,
  });
  let onFailed: (error: Error) => void = () => {};
  let onSilent = () => {};
  const ended = new Promise<void>((resolve, reject) => ([onSilent, onFailed] = [resolve, reject]));
  ended.catch(() => {});
  const onAbort = () => onFailed(signal.reason as Error);
  signal.addEventListener('abort', onAbort, { once: true });
  let answeredMs = -Infinity;
  const silence = setTimeout(() => {
    if (performance.now() - answeredMs > MAX_UNANSWERED_MS) {
      onFailed(kafkaNotAnswering(settings.kafka, 'no response for a minute'));
      return;
    }
    const behind = caughtUp.behind.map(({ topic, partition, end }) => `${topic}/${partition} before ${end}`);
    logger.warn(
      { behind, ms: SILENCE_MS },
      'Kafka returns no more messages: compaction has removed the last ones',
    );
    onSilent();
  }, SILENCE_MS);
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    if (!payload.restart) onFailed(kafkaError(payload.error, settings.kafka));
  });
  consumer.on(consumer.events.FETCH, () => void (answeredMs = performance.now()));
  // kafkajs recovers from some crashes by itself, joins again and reads from the beginning.
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    silence.refresh();
    for (const [topic, partitions] of Object.entries(payload.memberAssignment)) {
      const own = spans.get(topic);
      if (own === undefined) continue;
      for (const partition of partitions) {
        const span = own.get(partition);
        if (span === undefined) consumer.pause([{ topic, partitions: [partition] }]);
        else consumer.seek({ topic, partition, offset: String(span.from) });
      }
    }
  });
  // Unlike `eachBatch`, this also reports batches that hold only transaction markers.
  consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
    silence.refresh();
    caughtUp.advance(payload.topic, payload.partition, BigInt(payload.lastOffset) + 1n);
  });
  try {
    await consumer.connect();
    await consumer.subscribe({ topics, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      partitionsConsumedConcurrently: 1,
      eachBatch: async (payload) => {
        if (isOver) throw new StoppedError('the reader has ended');
        const { batch } = payload;
        if (unreadable.has(batch.topic)) return;
        const handle = handlers.get(batch.topic);
        const place = `${batch.topic}/${batch.partition}`;
        // A consumer that joins again reads from the beginning. Handled messages are skipped:
        // otherwise an earlier message of a key would replace the latest.
        const span = spans.get(batch.topic)?.get(batch.partition);
        const from = handed.get(place) ?? span?.from ?? 0n;
        const alive = setInterval(() => {
          silence.refresh();
          payload.heartbeat().catch(() => {});
        }, HEARTBEAT_MS);
        try {
          assertReadable(batch.topic, batch.partition, batch.messages);
          const slice = new TimeSlice();
          for (const message of messagesOf(batch.messages)) {
            if (slice.isOver()) {
              await slice.next();
              if (hasEnded()) return;
            }
            const offset = BigInt(message.offset);
            if (offset < from || (span !== undefined && offset >= span.to)) continue;
            handle?.(message, batch.partition);
          }
          const next = BigInt(batch.lastOffset()) + 1n;
          if (next > from) handed.set(place, next);
          await afterFetch?.();
        } catch (error) {
          if (error instanceof UnreadableBatchError && onUnreadable?.(batch.topic, error) === true) {
            consumer.pause([{ topic: batch.topic }]);
            unreadable.add(batch.topic);
            caughtUp.abandon(batch.topic);
          } else onFailed(error as Error);
        } finally {
          clearInterval(alive);
        }
      },
    });
    await Promise.race([caughtUp.reached, ended]);
    return caughtUp.behind;
  } finally {
    isOver = true;
    clearTimeout(silence);
    signal.removeEventListener('abort', onAbort);
    await disconnectConsumer(consumer);
    await admin.removeGroup(groupId);
  }
}
