import type { Consumer, TopicPartitionOffsetAndMetadata } from 'kafkajs';
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../../core/errors.ts';
import { logger } from '../../core/logger.ts';
import type { CommittedOffset } from '../../core/kafka/admin.ts';
import { disconnectConsumer } from '../../core/kafka/disconnect-consumer.ts';

const MAX_LAST_COMMIT_MS = 2_000;

/** A consumer, and its state as a member of the consumer group. */
export class GroupMember {
  readonly consumer: Consumer;
  readonly #sessionTimeoutMs: number;
  #heardMs = -Infinity;
  #isJoined = false;
  #isClosed = false;
  readonly #pending = new Map<string, TopicPartitionOffsetAndMetadata>();
  #committing: Promise<void> | undefined;

  constructor(consumer: Consumer, sessionTimeoutMs: number) {
    this.consumer = consumer;
    this.#sessionTimeoutMs = sessionTimeoutMs;
    const hear = () => (this.#heardMs = performance.now());
    consumer.on(consumer.events.GROUP_JOIN, () => {
      this.#isJoined = true;
      hear();
    });
    consumer.on(consumer.events.HEARTBEAT, hear);
    // kafkajs also emits STOP after a crash from which it recovers by joining the group again.
    consumer.on(consumer.events.STOP, () => (this.#isJoined = false));
  }

  /** Whether the consumer is in the group. Outside it, there is nothing to pause or seek. */
  get isJoined(): boolean {
    return this.#isJoined;
  }

  /** False if the group may have reassigned the partitions of this process. */
  get isKnown(): boolean {
    return this.#isJoined && performance.now() - this.#heardMs < this.#sessionTimeoutMs;
  }

  /** Commits the latest offset of each partition in the background, one request at a time. */
  commit(topic: string, offsets: ReadonlyMap<number, CommittedOffset>): void {
    for (const [partition, { offset, metadata }] of offsets)
      this.#pending.set(`${topic}/${partition}`, { topic, partition, offset: String(offset), metadata });
    this.#committing ??= this.#commitPending();
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Leaves the group for good. Waits at most two seconds for commits, because the tables determine
   * the resume offsets.
   */
  async close(): Promise<void> {
    this.#isClosed = true;
    const timeout = new AbortController();
    await Promise.race([
      this.#committing,
      delay(MAX_LAST_COMMIT_MS, undefined, { signal: timeout.signal }).catch(() => {}),
    ]);
    timeout.abort();
    await disconnectConsumer(this.consumer);
  }

  async #commitPending(): Promise<void> {
    while (this.#pending.size > 0) {
      const offsets = [...this.#pending.values()];
      this.#pending.clear();
      // A rebalancing group refuses commits. The next commit supersedes this one.
      await this.consumer.commitOffsets(offsets).catch((error: unknown) => {
        logger.debug({ reason: messageOf(error) }, 'offsets not committed');
      });
    }
    this.#committing = undefined;
  }
}
