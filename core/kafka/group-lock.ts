import type { ConsumerGroupJoinEvent, PartitionAssigner } from 'kafkajs';
import { messageOf, StoppedError } from '../errors.ts';
import { logger } from '../logger.ts';
import type { Settings } from '../settings/config.ts';
import { createKafka } from './client.ts';
import { disconnectConsumer } from './disconnect-consumer.ts';
import { kafkaError, kafkaNotAnswering } from './kafka-error.ts';

/**
 * The shortest session timeout that brokers allow by default. A killed holder delays the next
 * holder by up to this time.
 */
export const LOCK_SESSION_MS = 6_000;
export const LOCK_POLL_MS = 100;
const HEARTBEAT_MS = 1_500;
/** Must exceed LOCK_SESSION_MS: joining waits until the sessions of killed holders expire. */
const JOIN_DEADLINE_MS = 60_000;

interface LockOptions {
  /** Names the Kafka client. */
  readonly role: string;
  readonly groupId: string;
  /** An existing topic. The member subscribes to it, but does not read it. */
  readonly topic: string;
  readonly partitionAssigners?: PartitionAssigner[];
  /** Called at every join. Returns whether this member holds the lock. */
  readonly isHolder: (join: ConsumerGroupJoinEvent['payload']) => boolean;
  /** Called when the member has left the group for good. */
  readonly onCrash?: (error: Error) => void;
}

/**
 * A lock between processes, held by a member of a consumer group. A killed process loses it when
 * its session expires.
 */
export interface GroupLock {
  /**
   * Whether the first join acquired the lock. Rejects with ServiceUnavailableError,
   * ServiceRefusedError or the signal's reason.
   */
  readonly joined: Promise<boolean>;
  readonly release: () => Promise<void>;
}

/** Joins the group. The caller releases the lock, even if `joined` rejects. */
export function joinLockGroup(
  kafka: Settings['kafka'],
  { role, groupId, topic, partitionAssigners, isHolder, onCrash }: LockOptions,
  signal: AbortSignal,
): GroupLock {
  let isOver = false;
  const consumer = createKafka(kafka, role).consumer({
    groupId,
    sessionTimeout: LOCK_SESSION_MS,
    heartbeatInterval: HEARTBEAT_MS,
    rebalanceTimeout: LOCK_SESSION_MS,
    maxWaitTimeInMs: LOCK_POLL_MS,
    allowAutoTopicCreation: false,
    // A consumer that restarts after `release` would outlive `disconnect`.
    retry: { restartOnFailure: () => Promise.resolve(!isOver) },
    ...(partitionAssigners && { partitionAssigners }),
  });
  const join = async (onFailed: (error: unknown) => void) => {
    signal.throwIfAborted();
    await consumer.connect();
    await consumer.subscribe({ topics: [topic] });
    // A lock that has been released in the meantime must not join the group.
    if (isOver) {
      await disconnectConsumer(consumer);
      throw new StoppedError('the lock was released');
    }
    consumer.run({ autoCommit: false, eachBatch: () => Promise.resolve() }).catch(onFailed);
  };
  const joined = new Promise<boolean>((resolve, reject) => {
    const onAbort = () => settle(() => reject(signal.reason as Error));
    const deadline = setTimeout(
      () => onFailed(kafkaNotAnswering(kafka, `no response from group ${groupId}`)),
      JOIN_DEADLINE_MS,
    );
    const settle = (outcome: () => void) => {
      clearTimeout(deadline);
      signal.removeEventListener('abort', onAbort);
      outcome();
    };
    const onFailed = (error: unknown) =>
      settle(() => reject(signal.aborted ? (signal.reason as Error) : kafkaError(error, kafka)));
    signal.addEventListener('abort', onAbort, { once: true });
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      consumer.pause([{ topic }]);
      const isHeld = isHolder(payload);
      settle(() => resolve(isHeld));
    });
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (payload.restart) return;
      onCrash?.(kafkaError(payload.error, kafka));
      onFailed(payload.error);
    });
    join(onFailed).catch(onFailed);
  });
  // It may reject before the caller awaits it.
  joined.catch(() => {});
  return {
    joined,
    release: async () => {
      isOver = true;
      // The session expires automatically, and the error of the caller's work must not be lost.
      await disconnectConsumer(consumer).catch((error: unknown) => {
        logger.warn(
          { group: groupId, reason: messageOf(error) },
          'the lock could not be released: it expires with the session of its holder',
        );
      });
    },
  };
}
