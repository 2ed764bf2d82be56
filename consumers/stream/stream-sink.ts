import type { KafkaMessage } from 'kafkajs';
import { schemaIdOf } from '../../core/avro/wire-format.ts';
import { messageOf, RecordError, StoppedError, TopicGoneError, ViewFailedError } from '../../core/errors.ts';
import { assertReadable } from '../../core/kafka/decoder/fetched-message.ts';
import { logger } from '../../core/logger.ts';
import { addMessage } from './add-message.ts';
import { Batch } from './batch.ts';
import type { BatchInserter } from './batch-inserter.ts';
import { nextPhase, type SinkEvent, type SinkPhase } from './phase.ts';
import type { PositionFinder } from './positions.ts';
import type { StorageTable } from '../table/storage-table.ts';
import type { RowBuffers } from './row-buffers.ts';
import type { SinkCounts } from '../report/sink-counts.ts';
import type { StreamSchemas } from './stream-schemas.ts';
import type { TopicPartitions } from './topic-partitions.ts';

/** A batch is inserted as soon as it reaches one of these limits. */
export interface BatchLimits {
  readonly rows: number;
  readonly bytes: number;
  /** Bytes of its dead letters. */
  readonly deadLetterBytes: number;
  /** Time since its first message. */
  readonly ageMs: number;
  /** Time since its last message. */
  readonly quietMs: number;
}

/** Interval for re-checking group membership. */
const MEMBER_CHECK_MS = 50;

/** Interval for checking whether the table was replaced, while the stream is idle or failed. */
const TABLE_CHECK_MS = 5_000;

/** Messages of one partition that were fetched together. */
export interface FetchedMessages {
  readonly partition: number;
  readonly messages: readonly KafkaMessage[];
  /** The offset behind the last message and behind other records such as transaction markers. */
  readonly next: bigint;
  /** The partition's end. */
  readonly end: bigint;
}

export interface StreamSinkOptions {
  readonly topic: string;
  readonly table: StorageTable;
  readonly schemas: StreamSchemas;
  readonly partitions: TopicPartitions;
  readonly positions: PositionFinder;
  readonly inserter: BatchInserter;
  readonly limits: BatchLimits;
  /** Shared by all tables. */
  readonly buffers: RowBuffers;
  readonly counts: SinkCounts;
}

/**
 * Sinks the topic of one stream into its table. Two things happen concurrently:
 *
 * - {@link accept} turns fetched messages into rows of the batch that is being filled. It never
 *   waits. Messages that it rejects are fetched again later.
 * - {@link run} does what the phase demands, one step after the other; see `phase.ts`.
 *
 * Events from outside change the phase at once, also while a step waits for a service. The late
 * answer to that step no longer changes the phase. Only the rows of an insert are committed
 * nevertheless, unless the partitions were reassigned.
 */
export class StreamSink {
  readonly counts: SinkCounts;
  readonly topic: string;
  /** Resolves when table and views exist, or cannot be created. */
  readonly prepared: Promise<void>;
  readonly #options: StreamSinkOptions;
  #onPrepared: () => void = () => {};
  readonly #failureListeners: (() => void)[] = [];
  #phase: SinkPhase = 'learning';
  /** Counts the events, so that a step notices events that came while it waited. */
  #events = 0;
  #filling: Batch | undefined;
  /** The schema to learn once the batch before its message is inserted. */
  #unknownSchemaId: number | undefined;
  /** Batches keep their messages, so that a refused row can be found. */
  #isCareful = false;
  #failure: Error | undefined;
  #lastAcceptMs = 0;
  #wake: () => void = () => {};

  constructor(options: StreamSinkOptions) {
    this.#options = options;
    this.topic = options.topic;
    this.counts = options.counts;
    options.buffers.onRoom(() => this.#updateFlow());
    this.prepared = new Promise((resolve) => {
      this.#onPrepared = resolve;
    });
  }

  get isAssigned(): boolean {
    return this.#options.partitions.assigned.length > 0;
  }

  /** Whether the stream has failed and does not wait for its topic to exist again. */
  get hasFailedForGood(): boolean {
    return this.#failure !== undefined && !(this.#failure instanceof TopicGoneError);
  }

  /** Replaces the partitions by those that the group has assigned to this process. */
  assign(partitions: readonly number[]): void {
    this.#options.partitions.assign(partitions);
    this.#discard();
    this.#on('assigned');
    this.#countLag();
  }

  /** Accepts fetched messages as far as possible at the moment. */
  accept({ partition, messages, next, end }: FetchedMessages): void {
    const { partitions } = this.#options;
    const expected = this.#isIn('flowing', 'inserting') ? partitions.next(partition) : undefined;
    if (expected === undefined) {
      partitions.cut(partition);
      return;
    }
    const [first] = messages;
    if (first !== undefined && BigInt(first.offset) < expected) {
      this.#discard();
      this.#on('topicReplaced');
      return;
    }
    const isFirst = this.#filling === undefined;
    const batch = (this.#filling ??= this.#createBatch());
    let cut: bigint | undefined;
    try {
      assertReadable(this.topic, partition, messages);
      cut = this.#fill(batch, partition, messages);
    } catch (error) {
      // The other streams of the consumer must not fail with this one.
      this.#fail(error);
      return;
    }
    const reached = cut ?? next;
    partitions.advance(partition, reached, cut !== undefined);
    partitions.noticeEnd(partition, end);
    this.#lastAcceptMs = performance.now();
    batch.consumed.set(partition, reached);
    this.#countLag();
    this.counts.oldestRowMs ??= batch.startedMs;
    if (isFirst || this.#isDue()) this.#wake();
    this.#updateFlow();
  }

  /**
   * Handles a recreated or missing topic.
   *
   * @param id Kafka's id of the topic now; 0 if the broker has none, undefined if the topic does
   *   not exist.
   */
  noticeTopic(id: bigint | undefined): void {
    const { topicId } = this.#options.partitions;
    if (id === undefined) {
      if (!this.#isIn('failed', 'stopping'))
        this.#fail(new TopicGoneError(`topic ${this.topic} does not exist any more`));
    } else if (this.#failure instanceof TopicGoneError) {
      this.#recover('the topic exists again: the sink reads it');
    } else if (this.#isIn('flowing', 'inserting') && id !== topicId && id !== 0n && topicId !== 0n) {
      this.#discard();
      this.#on('topicReplaced');
    }
  }

  /** Updates the end of a partition. */
  noticeEnd(partition: number, end: bigint): void {
    this.#options.partitions.noticeEnd(partition, end);
    this.#countLag();
  }

  /** Inserts the accepted messages, accepts no more, and lets {@link run} return. */
  stop(): void {
    this.#on('stopped');
  }

  /** Calls back whenever the stream has failed. */
  onFailure(listener: () => void): void {
    this.#failureListeners.push(listener);
  }

  /**
   * Works until stopped. Never throws: a failure is stored in the counts until the table is
   * replaced, or a missing topic exists again.
   */
  async run(): Promise<void> {
    try {
      while (await this.#step());
    } finally {
      this.#onPrepared();
    }
  }

  /** Returns false after the last step. */
  async #step(): Promise<boolean> {
    this.counts.state = this.#phase;
    try {
      switch (this.#phase) {
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
          return await this.#flush();
      }
    } catch (error) {
      this.#fail(error);
      return this.#phase !== 'stopping';
    }
  }

  async #learn(): Promise<void> {
    const { schemas } = this.#options;
    const id = this.#unknownSchemaId;
    const asked = this.#events;
    if (id === undefined) {
      schemas.forget();
      // Creates table and views, so that a stream without messages can be queried too.
      await schemas.learnLatest();
      this.#onPrepared();
    } else await schemas.learn(id);
    if (asked !== this.#events) return;
    this.#unknownSchemaId = undefined;
    this.#on(id === undefined ? 'tableLearned' : 'schemaLearned');
  }

  async #position(): Promise<void> {
    const { partitions, positions } = this.#options;
    const asked = this.#events;
    const found = await positions.find(partitions.assigned);
    if (asked !== this.#events) return;
    partitions.resumeAt(found);
    this.#on('positioned');
    this.#countLag();
  }

  async #flow(): Promise<void> {
    const { partitions, table } = this.#options;
    const batch = this.#filling;
    if (batch !== undefined && this.#isDue() && partitions.isMember) {
      await this.#insert(batch);
    } else if (batch === undefined && this.#unknownSchemaId !== undefined) {
      this.#on('schemaUnknown');
    } else {
      const isQuiet = await this.#untilWoken();
      if (isQuiet && this.isAssigned && (await table.isReplaced())) this.#startOver();
    }
  }

  /** Inserts the last batch. If the group may have forgotten this process, the next owner does. */
  async #flush(): Promise<boolean> {
    const batch = this.#filling;
    if (batch === undefined || !this.#options.partitions.isMember) return false;
    await this.#insert(batch);
    return true;
  }

  async #insert(batch: Batch): Promise<void> {
    const { partitions, inserter, counts, table, buffers } = this.#options;
    this.#filling = undefined;
    counts.oldestRowMs = undefined;
    this.#on('batchDue');
    const { generation } = partitions;
    const asked = this.#events;
    try {
      const outcome = await inserter.insert(batch, partitions);
      const block = outcome === 'inserted' ? await table.lastBlock() : '';
      if (generation.aborted) return;
      this.#isCareful = outcome === 'refused';
      if (outcome !== 'inserted') {
        this.#startOver();
        return;
      }
      partitions.commit(batch.consumed, batch.addedRows, block);
      counts.stalledSinceMs = undefined;
      this.#countLag();
      if (asked === this.#events) this.#on('inserted');
    } catch (error) {
      // The new owner inserts the batch again, but cannot repair what a failing view has left in
      // the table.
      if (!generation.aborted || error instanceof ViewFailedError) throw error;
    } finally {
      buffers.release(batch.rows);
      this.#updateFlow();
    }
  }

  /** Waits for another table of the name, as after a replay. {@link noticeTopic} awaits topics. */
  async #awaitReplacedTable(): Promise<void> {
    const { table, counts } = this.#options;
    let failedWith: string | undefined;
    while (this.#isIn('failed')) {
      if (this.hasFailedForGood) {
        // ClickHouse may be the reason for the failure.
        const identity = await table.readIdentity().catch(() => undefined);
        if (!this.#isIn('failed')) return;
        counts.state = 'failed';
        failedWith ??= identity;
        if (identity !== undefined && identity !== failedWith) {
          this.#recover('the table was replaced: the sink resumes');
          return;
        }
      }
      await this.#untilWoken();
    }
  }

  #isIn(...phases: readonly SinkPhase[]): boolean {
    return phases.includes(this.#phase);
  }

  #on(event: SinkEvent): void {
    this.#phase = nextPhase(this.#phase, event);
    this.#events++;
    this.#updateFlow();
    this.#wake();
  }

  /** Learns and positions again: the table may have changed, or may be gone. */
  #startOver(): void {
    this.#discard();
    this.#on('tableChanged');
  }

  /** Stores the failure and logs it once. */
  #fail(error: unknown): void {
    const { counts, partitions } = this.#options;
    const { stream } = counts;
    if (this.#isIn('stopping')) {
      logger.warn({ stream, reason: messageOf(error) }, 'last rows not inserted: the next sink inserts them');
      const count = [...partitions.lags.values()].reduce((sum, { buffered }) => sum + buffered, 0);
      if (count > 0)
        counts.failure = new StoppedError(
          `stopped before ${count} messages were inserted: the next sink inserts them`,
        );
      return;
    }
    this.#failure = error instanceof Error ? error : new Error(messageOf(error));
    counts.failure = this.#failure;
    logger.error({ stream, reason: messageOf(error) }, 'stream stopped');
    this.#discard();
    this.#on('failed');
    partitions.abandon();
    counts.state = 'failed';
    this.#countLag();
    this.#onPrepared();
    for (const listener of this.#failureListeners) listener();
  }

  #recover(reason: string): void {
    const { counts } = this.#options;
    logger.info({ stream: counts.stream, topic: this.topic }, reason);
    this.#failure = undefined;
    counts.failure = undefined;
    this.#on('recovered');
  }

  /** Adds messages to the batch; returns the offset of the first one with an unknown schema. */
  #fill(batch: Batch, partition: number, messages: readonly KafkaMessage[]): bigint | undefined {
    const { schemas } = this.#options;
    for (const message of messages) {
      try {
        const unknownSchemaId = addMessage(batch, schemas, partition, message);
        if (unknownSchemaId === undefined) continue;
        this.#unknownSchemaId = unknownSchemaId;
        return BigInt(message.offset);
      } catch (error) {
        if (!(error instanceof RecordError)) throw error;
        const letter = { stream: this.counts.stream, topic: this.topic, partition, message, error };
        batch.reject({ ...letter, schemaId: schemaIdIn(message.value) });
      }
    }
    return undefined;
  }

  #createBatch(): Batch {
    const { table, partitions, buffers } = this.#options;
    return new Batch(table.columns, buffers.acquire(), partitions.topicId, this.#isCareful);
  }

  #isFull({ rows, rowCount, deadLetterBytes }: Batch): boolean {
    const { limits } = this.#options;
    return (
      rowCount >= limits.rows || rows.length >= limits.bytes || deadLetterBytes >= limits.deadLetterBytes
    );
  }

  #isDue(): boolean {
    const batch = this.#filling;
    if (batch === undefined) return false;
    const { partitions, buffers } = this.#options;
    const isForced = this.#unknownSchemaId !== undefined || partitions.isCaughtUp || buffers.isFull();
    return isForced || this.#isFull(batch) || this.#waitMs(batch) <= 0;
  }

  /** Returns how long a batch may still wait for more messages. */
  #waitMs({ startedMs }: Batch): number {
    const { ageMs, quietMs } = this.#options.limits;
    return Math.min(startedMs + ageMs, this.#lastAcceptMs + quietMs) - performance.now();
  }

  /**
   * Waits for an event, a message, or the time when the batch is due. Returns true if there was no
   * message for a long time.
   */
  async #untilWoken(): Promise<boolean> {
    const batch = this.#filling;
    const waitMs =
      batch === undefined
        ? TABLE_CHECK_MS
        : Math.max(this.#waitMs(batch), this.#isDue() ? MEMBER_CHECK_MS : 1);
    let timer: NodeJS.Timeout | undefined;
    const isQuiet = await new Promise<boolean>((resolve) => {
      this.#wake = () => resolve(false);
      timer = setTimeout(() => resolve(batch === undefined), waitMs);
    });
    clearTimeout(timer);
    this.#wake = () => {};
    return isQuiet;
  }

  #discard(): void {
    if (this.#filling !== undefined) this.#options.buffers.release(this.#filling.rows);
    this.#filling = undefined;
    this.#unknownSchemaId = undefined;
    this.counts.oldestRowMs = undefined;
  }

  #countLag(): void {
    const { partitions, counts } = this.#options;
    counts.lag.clear();
    counts.buffered = 0;
    if (this.#failure instanceof TopicGoneError) {
      counts.stalledSinceMs = undefined;
      return;
    }
    let sum = 0;
    for (const [partition, { lag, buffered }] of partitions.lags) {
      counts.lag.set(partition, lag);
      // A failed stream has discarded its messages.
      if (this.#failure === undefined) counts.buffered += buffered;
      sum += lag;
    }
    if (sum === 0) counts.stalledSinceMs = undefined;
    else counts.stalledSinceMs ??= performance.now();
  }

  /** Fetches while the phase accepts messages and there is room for them. */
  #updateFlow(): void {
    const { partitions, buffers } = this.#options;
    const batch = this.#filling;
    const hasRoom = batch === undefined || (!this.#isFull(batch) && !buffers.isFull());
    const isOpen = this.#isIn('flowing') || (this.#isIn('inserting') && hasRoom);
    partitions.hold(!isOpen || this.#unknownSchemaId !== undefined);
  }
}

/** Returns the schema id that the bytes name, if any. */
function schemaIdIn(value: Buffer | null): number | undefined {
  try {
    return value === null ? undefined : schemaIdOf(value);
  } catch {
    return undefined;
  }
}
