import { messageOf, StoppedError, TopicGoneError, ViewFailedError } from '../../core/errors.ts';
import { logger } from '../../core/logger.ts';
import { countLags, type SinkCounts } from '../report/sink-counts.ts';
import { BatchFiller, type BatchFillerOptions } from './batch-filler.ts';
import { firstOffsetOf, type FetchedMessages } from './fetched-messages.ts';
import type { BatchInserter } from './batch-inserter.ts';
import { PhaseMachine, type SinkEvent } from './phase.ts';
import type { PositionFinder } from './positions.ts';

/** Interval for re-checking group membership. */
const MEMBER_CHECK_MS = 50;
/** Interval for checking whether the table was replaced, while the stream is idle or failed. */
const TABLE_CHECK_MS = 5_000;

interface StreamSinkOptions extends BatchFillerOptions {
  readonly positions: PositionFinder;
  readonly inserter: BatchInserter;
}

/**
 * Copies the topic of one stream to its table. {@link accept} turns messages into rows and never
 * waits. {@link run} performs the steps that the phases require, one after the other: see
 * `phase.ts`.
 *
 * External events change the phase immediately, even while a step waits for a service. The late
 * response then no longer changes the phase, but the rows of an insert are still committed unless
 * the partitions were reassigned.
 */
export class StreamSink {
  readonly counts: SinkCounts;
  /** Resolves when the table and the views exist, or cannot be created. */
  readonly prepared: Promise<void>;
  onFailure: () => void = () => {};
  readonly #options: StreamSinkOptions;
  readonly #filler: BatchFiller;
  readonly #machine = new PhaseMachine();
  #failure: Error | undefined;
  /** The reason why the last rows could not be inserted after a stop. */
  #stopReason: string | undefined;
  #onPrepared: () => void = () => {};

  constructor(options: StreamSinkOptions) {
    this.#options = options;
    this.#filler = new BatchFiller(options);
    this.counts = options.counts;
    options.buffers.onRoom(() => this.#updateFlow());
    this.prepared = new Promise((resolve) => (this.#onPrepared = resolve));
  }

  get isAssigned(): boolean {
    return this.#options.partitions.assigned.length > 0;
  }

  /** Whether the stream has failed and is not waiting for its topic to exist again. */
  get hasFailedForGood(): boolean {
    return this.#failure !== undefined && !(this.#failure instanceof TopicGoneError);
  }

  /** Replaces the partitions with those that the group has assigned to this process. */
  assign(partitions: readonly number[]): void {
    this.#options.partitions.assign(partitions);
    this.#restart('assigned');
    this.#countLag();
  }

  /** Accepts as many messages as currently possible. The others are fetched again later. */
  accept(fetched: FetchedMessages): void {
    const { partitions } = this.#options;
    const { partition, next, end } = fetched;
    const expected = this.#machine.isIn('flowing', 'inserting') ? partitions.next(partition) : undefined;
    if (expected === undefined) {
      partitions.cut(partition);
      return;
    }
    const first = firstOffsetOf(fetched);
    if (first !== undefined && first < expected) {
      this.#restart('topicReplaced');
      return;
    }
    const isFirst = this.#filler.batch === undefined;
    try {
      const reached = this.#filler.add(fetched);
      partitions.advance(partition, reached, reached < next);
    } catch (error) {
      // The other streams of the consumer must not fail with this one.
      this.#fail(error);
      return;
    }
    this.noticeEnd(partition, end);
    if (isFirst || this.#filler.isDue) this.#machine.wake();
    this.#updateFlow();
  }

  /**
   * Handles a recreated or missing topic. @param id 0 if the broker has none; undefined if the
   * topic is missing.
   */
  noticeTopic(id: bigint | undefined): void {
    const { topic, partitions } = this.#options;
    if (id === undefined) {
      const failure = new TopicGoneError(
        `topic ${topic} no longer exists: create it again, for example with npm run produce`,
      );
      if (!this.#machine.isIn('failed', 'stopping')) this.#fail(failure);
    } else if (this.#failure instanceof TopicGoneError && this.#machine.isIn('failed')) {
      this.#recover('the topic exists again: the sink reads it');
    } else if (this.#machine.isIn('flowing', 'inserting') && partitions.isOtherTopic(id)) {
      this.#restart('topicReplaced');
    }
  }

  noticeEnd(partition: number, end: bigint): void {
    this.#options.partitions.noticeEnd(partition, end);
    this.#countLag();
  }

  /** Accepts no more messages. {@link run} inserts those already accepted, then returns. */
  stop(): void {
    this.#on('stopped');
  }

  /**
   * Works until stopped. Never throws: the counts contain the failure until the stream recovers.
   */
  async run(): Promise<void> {
    try {
      while (await this.#step());
      this.#checkComplete();
    } finally {
      this.#onPrepared();
    }
  }

  /** Returns false after the last step. */
  async #step(): Promise<boolean> {
    this.counts.state = this.#machine.phase;
    try {
      switch (this.#machine.phase) {
        case 'learning':
          await this.#learn();
          return true;
        case 'positioning':
          await this.#position();
          return true;
        case 'flowing':
        case 'inserting':
          await this.#flow();
          return true;
        case 'failed':
          await this.#awaitReplacedTable();
          return true;
        case 'stopping':
          // If this process may no longer be a member, the next owner inserts the last batch.
          return this.#options.partitions.isMember && (await this.#insert());
      }
    } catch (error) {
      this.#fail(error);
      return this.#machine.phase !== 'stopping';
    }
  }

  async #learn(): Promise<void> {
    const { schemas } = this.#options;
    const id = this.#filler.unknownSchemaId;
    const asked = this.#machine.events;
    if (id === undefined) {
      schemas.forget();
      // Creates the table and the views, so that even a stream without messages can be queried.
      await schemas.learnLatest();
      this.#onPrepared();
    } else await schemas.learn(id);
    if (asked !== this.#machine.events) return;
    // An assignment discards the batch that waited for the schema. New positions are then needed.
    const hasBatch = this.#filler.unknownSchemaId !== undefined;
    this.#filler.unknownSchemaId = undefined;
    this.#on(hasBatch ? 'schemaLearned' : 'tableLearned');
  }

  async #position(): Promise<void> {
    const { partitions, positions } = this.#options;
    const asked = this.#machine.events;
    const found = await positions.find(partitions.assigned);
    if (asked !== this.#machine.events) return;
    partitions.resumeAt(found);
    this.#on('positioned');
    this.#countLag();
  }

  async #flow(): Promise<void> {
    const { partitions, table } = this.#options;
    const { batch, isDue, unknownSchemaId } = this.#filler;
    if (isDue && partitions.isMember) await this.#insert();
    else if (batch === undefined && unknownSchemaId !== undefined) this.#on('schemaUnknown');
    else {
      const isQuiet = await this.#isQuiet();
      if (isQuiet && this.isAssigned && (await table.isReplaced())) this.#restart('tableChanged');
    }
  }

  /** Inserts the batch and commits it. Returns false if there is none. */
  async #insert(): Promise<boolean> {
    const { partitions, inserter, counts, table, buffers } = this.#options;
    const batch = this.#filler.take();
    if (batch === undefined) return false;
    this.#on('batchDue');
    const { generation } = partitions;
    const asked = this.#machine.events;
    const startMs = performance.now();
    try {
      const outcome = await inserter.insert(batch, partitions);
      this.#filler.lastInsertMs = performance.now() - startMs;
      const block = outcome === 'inserted' ? await table.lastBlock() : '';
      if (generation.aborted) return true;
      this.#filler.keepsMessages = outcome === 'refused';
      if (outcome === 'inserted') {
        partitions.commit(batch.consumed, batch.addedRows, block);
        counts.stalledSinceMs = undefined;
        this.#countLag();
        if (asked === this.#machine.events) this.#on('inserted');
      } else this.#restart('tableChanged');
    } catch (error) {
      // The new owner inserts the batch again, but cannot repair what a failing view has left in
      // the table.
      if (!generation.aborted || error instanceof ViewFailedError) throw error;
    } finally {
      buffers.release(batch.rows);
      this.#updateFlow();
    }
    return true;
  }

  /**
   * Waits until the table is replaced, for example by a replay. {@link noticeTopic} handles topics.
   */
  async #awaitReplacedTable(): Promise<void> {
    const { table, counts } = this.#options;
    let failedWith: string | undefined;
    while (this.#machine.isIn('failed')) {
      if (this.hasFailedForGood) {
        // ClickHouse may be the cause of the failure.
        const identity = await table.readIdentity().catch(() => undefined);
        if (!this.#machine.isIn('failed')) return;
        counts.state = 'failed';
        failedWith ??= identity;
        if (identity !== undefined && identity !== failedWith) {
          this.#recover('the table was replaced: the sink resumes');
          return;
        }
      }
      await this.#machine.woken(TABLE_CHECK_MS);
    }
  }

  #on(event: SinkEvent): void {
    this.#machine.on(event);
    this.#updateFlow();
  }

  /** Drops the batch, whose messages are fetched again. */
  #restart(event: 'assigned' | 'tableChanged' | 'topicReplaced' | 'failed'): void {
    this.#filler.discard();
    this.#on(event);
  }

  #fail(error: unknown): void {
    const { counts, partitions } = this.#options;
    const reason = messageOf(error);
    if (this.#machine.isIn('stopping')) {
      this.#stopReason = reason;
      return;
    }
    this.#failure = error instanceof Error ? error : new Error(reason);
    counts.failure = this.#failure;
    logger.error({ stream: counts.stream, reason }, 'stream stopped');
    this.#restart('failed');
    partitions.abandon();
    counts.state = 'failed';
    this.#countLag();
    this.#onPrepared();
    this.onFailure();
  }

  /**
   * Reports a stopped sink whose last step failed while the topic had more messages. Without a
   * failure, another sink of the group, or the next one, inserts the rest, as after a rebalance.
   */
  #checkComplete(): void {
    const { counts, partitions } = this.#options;
    const reason = this.#stopReason;
    const isComplete = !partitions.hasAccepted && !partitions.isBehind;
    if (reason === undefined || isComplete || this.#failure !== undefined) return;
    const text = `not all messages were inserted (${reason}): the next sink inserts the rest`;
    counts.failure = new StoppedError(text);
    logger.warn({ stream: counts.stream }, text);
  }

  #recover(reason: string): void {
    const { counts, topic } = this.#options;
    logger.info({ stream: counts.stream, topic }, reason);
    this.#failure = undefined;
    counts.failure = undefined;
    this.#on('recovered');
  }

  /**
   * Waits for an event or a message. Returns true if no batch is open and neither arrives within
   * TABLE_CHECK_MS.
   */
  async #isQuiet(): Promise<boolean> {
    const { batch, waitMs, isDue } = this.#filler;
    if (batch === undefined) return !(await this.#machine.woken(TABLE_CHECK_MS));
    await this.#machine.woken(Math.max(waitMs, isDue ? MEMBER_CHECK_MS : 1));
    return false;
  }

  #countLag(): void {
    const { partitions, counts } = this.#options;
    countLags(counts, this.#failure instanceof TopicGoneError ? new Map() : partitions.lags);
    // A failed stream has discarded its messages.
    if (this.#failure !== undefined) counts.buffered = 0;
  }

  /**
   * Fetches while the stream is flowing, or is inserting and has room for more messages, unless it
   * must first learn a schema. Otherwise pauses fetching.
   */
  #updateFlow(): void {
    const { hasRoom, unknownSchemaId } = this.#filler;
    const isOpen = this.#machine.isIn('flowing') || (this.#machine.isIn('inserting') && hasRoom);
    this.#options.partitions.hold(!isOpen || unknownSchemaId !== undefined);
  }
}
