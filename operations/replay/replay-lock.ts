import { setTimeout as delay } from 'node:timers/promises';
import type { KafkaAdmin } from '../../core/kafka/admin.ts';
import type { Settings } from '../../core/settings/config.ts';
import { ReplayRefusedError } from '../../core/errors.ts';
import { joinLockGroup, LOCK_POLL_MS, LOCK_SESSION_MS, type GroupLock } from '../../core/kafka/group-lock.ts';
import { logger } from '../../core/logger.ts';
import { topicOf } from '../../core/stream-name.ts';

const PATIENCE_MS = LOCK_SESSION_MS + 4_000;

/** Ensures that only one process replays a stream: the leader of a consumer group. */
export class ReplayLock {
  /** Aborts when another process may hold the lock. */
  readonly lost: AbortSignal;
  readonly #lock: GroupLock;

  private constructor(lock: GroupLock, lost: AbortSignal) {
    this.#lock = lock;
    this.lost = lost;
  }

  /** @throws ReplayRefusedError if another replay is alive; the errors of {@link joinLockGroup}. */
  static async acquire(
    admin: KafkaAdmin,
    settings: Settings,
    stream: string,
    signal: AbortSignal,
  ): Promise<ReplayLock> {
    const { kafka, topicPrefix, clickhouse } = settings;
    const groupId = groupOf(settings, stream);
    const refusal = () =>
      new ReplayRefusedError(
        `another replay of ${stream} into ${clickhouse.database} is running (consumer group ${groupId}): nothing was changed`,
      );
    const startMs = performance.now();
    for (let attempt = 0; await ReplayLock.isHeld(admin, settings, stream); attempt++) {
      if (performance.now() - startMs > PATIENCE_MS) throw refusal();
      if (attempt === 0)
        logger.info(
          { stream, group: groupId },
          'another replay holds the lock: waiting a few seconds in case it was killed',
        );
      await delay(LOCK_POLL_MS, undefined, { signal });
    }
    const lost = new AbortController();
    const lock = joinLockGroup(
      kafka,
      {
        role: 'replay',
        groupId,
        topic: topicOf(topicPrefix, stream),
        isHolder: ({ isLeader }) => {
          if (!isLeader) lost.abort(refusal());
          return isLeader;
        },
        onCrash: (error) => lost.abort(error),
      },
      signal,
    );
    try {
      if (!(await lock.joined)) throw refusal();
      return new ReplayLock(lock, lost.signal);
    } catch (error) {
      await lock.release();
      signal.throwIfAborted();
      throw error;
    }
  }

  /**
   * Returns whether a replay holds the lock. A killed replay holds it until its session expires.
   */
  static async isHeld(admin: KafkaAdmin, settings: Settings, stream: string): Promise<boolean> {
    return (await admin.groupMembers(groupOf(settings, stream))).length > 0;
  }

  async release(): Promise<void> {
    await this.#lock.release();
  }
}

function groupOf({ topicPrefix, clickhouse }: Settings, stream: string): string {
  return `${topicPrefix}replay.${clickhouse.database}.${stream}`;
}
