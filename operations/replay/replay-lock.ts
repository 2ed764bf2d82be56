import { setTimeout as delay } from 'node:timers/promises';
import type { Consumer } from 'kafkajs';
import type { KafkaAdmin } from '../../core/kafka/admin.ts';
import type { Settings } from '../../core/settings/config.ts';
import { ReplayRefusedError } from '../../core/errors.ts';
import { createKafka } from '../../core/kafka/client.ts';
import { kafkaError } from '../../core/kafka/kafka-error.ts';
import { logger } from '../../core/logger.ts';
import { topicOf } from '../../core/stream-name.ts';

/** The minimum that brokers accept by default. A killed replay blocks the next for this long. */
const SESSION_TIMEOUT_MS = 6_000;
const HEARTBEAT_MS = 1_500;
const FETCH_WAIT_MS = 500;
const ASK_MS = 250;
const PATIENCE_MS = SESSION_TIMEOUT_MS + 4_000;

/**
 * Ensures that only one process replays a stream: the leader of a consumer group. A process that
 * dies loses the lock when its session ends, so nothing needs to be cleaned up.
 */
export class ReplayLock {
  /** Aborts when another process may have taken the lock. */
  readonly lost: AbortSignal;
  readonly #consumer: Consumer;

  private constructor(consumer: Consumer, lost: AbortSignal) {
    this.#consumer = consumer;
    this.lost = lost;
  }

  /**
   * Waits for the lock of a replay that was just killed.
   *
   * @throws ReplayRefusedError, ServiceUnavailableError, ServiceRefusedError
   */
  static async acquire(
    admin: KafkaAdmin,
    settings: Settings,
    stream: string,
    signal: AbortSignal,
  ): Promise<ReplayLock> {
    const { kafka, topicPrefix, clickhouse } = settings;
    const groupId = groupOf(settings, stream);
    const taken = () =>
      new ReplayRefusedError(
        `another replay of ${stream} into ${clickhouse.database} is running (consumer group ${groupId}): nothing was changed`,
      );
    const startMs = performance.now();
    let isReported = false;
    while (await ReplayLock.isHeld(admin, settings, stream)) {
      if (performance.now() - startMs > PATIENCE_MS) throw taken();
      if (!isReported)
        logger.info(
          { stream, group: groupId },
          'another replay holds the lock: waiting some seconds in case it was killed',
        );
      isReported = true;
      await delay(ASK_MS, undefined, { signal });
    }

    const topic = topicOf(topicPrefix, stream);
    const consumer = createKafka(kafka, 'replay').consumer({
      groupId,
      sessionTimeout: SESSION_TIMEOUT_MS,
      heartbeatInterval: HEARTBEAT_MS,
      rebalanceTimeout: SESSION_TIMEOUT_MS,
      maxWaitTimeInMs: FETCH_WAIT_MS,
      allowAutoTopicCreation: false,
    });
    const lost = new AbortController();
    let onJoined: (isLeader: boolean) => void = () => {};
    let onCrashed: (error: Error) => void = () => {};
    const joined = new Promise<boolean>((resolve, reject) => {
      onJoined = resolve;
      onCrashed = reject;
    });
    const onAbort = () => onCrashed(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    // It may be rejected before it is awaited.
    joined.catch(() => {});
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      consumer.pause([{ topic }]);
      if (!payload.isLeader) lost.abort(taken());
      onJoined(payload.isLeader);
    });
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (payload.restart) return;
      const error = kafkaError(payload.error, kafka);
      lost.abort(error);
      onCrashed(error);
    });
    try {
      await consumer.connect();
      await consumer.subscribe({ topics: [topic] });
      await consumer.run({ autoCommit: false, eachBatch: () => Promise.resolve() });
      if (!(await joined)) throw taken();
      return new ReplayLock(consumer, lost.signal);
    } catch (error) {
      await consumer.disconnect();
      signal.throwIfAborted();
      throw error instanceof ReplayRefusedError ? error : kafkaError(error, kafka);
    }
  }

  /** Whether a replay holds the lock, or was killed some seconds ago. */
  static async isHeld(admin: KafkaAdmin, settings: Settings, stream: string): Promise<boolean> {
    return (await admin.groupMembers(groupOf(settings, stream))).length > 0;
  }

  async release(): Promise<void> {
    await this.#consumer.disconnect();
  }
}

function groupOf({ topicPrefix, clickhouse }: Settings, stream: string): string {
  return `${topicPrefix}replay.${clickhouse.database}.${stream}`;
}
