import type { KafkaMessage } from 'kafkajs';
import { schemaIdOf } from '../../core/avro/wire-format.ts';
import { messageOf, RecordError, StoppedError, TopicGoneError, ViewFailedError } from '../../core/errors.ts';
import { assertReadable } from '../../core/kafka/decoder/fetched-message.ts';
import { logger } from '../../core/logger.ts';
import { addMessage } from './add-message.ts';
import { Batch } from './batch.ts';
import type { BatchInserter } from './batch-inserter.ts';
import type { StorageTable } from '../table/storage-table.ts';
import type { RowBuffers } from './row-buffers.ts';
import type { SinkCounts } from '../report/sink-counts.ts';
import type { StreamSchemas } from './stream-schemas.ts';
import type { TopicPartitions } from './topic-partitions.ts';

/** When a batch is inserted: as soon as one of them is reached. */
export interface BatchLimits {
  readonly rows: number;
  readonly bytes: number;
  /** Of the messages that are set aside. */
  readonly letterBytes: number;
  /** Since its first message came. */
  readonly ageMs: number;
  /** Since its last message came. */
  readonly quietMs: number;
}

/** How often it is looked whether the group knows this process again. */
const MEMBER_CHECK_MS = 50;

/** How often a stream without messages looks whether its table is still the one that it knows. */
const TABLE_CHECK_MS = 5_000;

/** What one fetch brought of one partition. */
export interface FetchedMessages {
  readonly partition: number;
  readonly messages: readonly KafkaMessage[];
  /** The offset behind the last of them, and behind what was left out, such as the marks of transactions. */
  readonly next: bigint;
  /** The partition's end. */
  readonly end: bigint;
}

export interface StreamSinkOptions {
  readonly topic: string;
  readonly table: StorageTable;
  readonly schemas: StreamSchemas;
  readonly partitions: TopicPartitions;
  readonly inserter: BatchInserter;
  readonly limits: BatchLimits;
  /** Shared by all tables. */
  readonly buffers: RowBuffers;
  readonly counts: SinkCounts;
}

/**
 * Sinks the topic of one stream into its table. Two things happen at a time:
 *
 * - {@link accept}, called with what was fetched, turns messages into rows of the batch that is being filled. It never waits. What it
 *   cannot take is left out, and fetched again when it can.
 * - {@link run} does one step after the other: find out where to go on (`position`), insert a batch, learn a schema, or wait. While a
 *   batch is inserted the next one is filled.
 *
 * Fetching is held while positions are found or a schema is learnt, and while a batch is full before the one ahead of it is in.
 */
export class StreamSink {
  readonly counts: SinkCounts;
  readonly topic: string;
  /** Resolves when table and views are there, or never will be. */
  readonly prepared: Promise<void>;
  readonly #options: StreamSinkOptions;
  #onPrepared: () => void = () => {};
  readonly #failureListeners: (() => void)[] = [];
  #filling: Batch | undefined;
  #isInserting = false;
  /** The schema that a message wants which cannot be taken yet. */
  #wanted: number | undefined;
  /** Messages are kept until their rows are in, and rows that ClickHouse refuses are looked for one by one. */
  #isCareful = false;
  /** The table may not be what it was, or has not been looked at yet. */
  #mustRelearn = true;
  #isStopping = false;
  /** False when the topic was seen to be gone. */
  #hasTopic = true;
  /** Why nothing can be taken any more. */
  #fault: { readonly error: unknown } | undefined;
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

  /** The group has given this process these partitions of the topic, and no others. Everything before is forgotten. */
  assign(partitions: readonly number[]): void {
    this.#options.partitions.assign(partitions);
    this.#discard();
    this.#countLag();
    this.#wake();
  }

  /** Takes messages that were fetched, as far as it can at the moment. */
  accept(fetched: FetchedMessages): void {
    const { partitions } = this.#options;
    if (this.#isStopping || this.counts.failure !== undefined || !partitions.isFlowing) return;
    const { partition, messages, next, end } = fetched;
    const first = messages[0];
    const wantedOffset = partitions.next(partition);
    if (wantedOffset === undefined) return;
    if (first !== undefined && BigInt(first.offset) < wantedOffset) {
      // The topic was deleted and made again.
      this.#reposition();
      return;
    }
    const isFirst = this.#filling === undefined;
    const batch = (this.#filling ??= this.#createBatch());
    let cut: bigint | undefined;
    try {
      assertReadable(this.topic, partition, messages);
      cut = this.#fill(batch, partition, messages);
    } catch (error) {
      // Of the stream alone: whoever fetches for all of them must not hear of it.
      this.#fault = { error };
      this.#wake();
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

  get isAssigned(): boolean {
    return this.#options.partitions.isAssigned;
  }

  /** @param id Kafka's id of the topic now; 0 where it gives none, undefined if there is no such topic. */
  noticeTopic(id: bigint | undefined): void {
    const { counts, partitions } = this.#options;
    this.#hasTopic = id !== undefined;
    if (counts.failure instanceof TopicGoneError) {
      if (this.#hasTopic) this.#wake();
    } else if (counts.failure === undefined && id === undefined) {
      this.#fault = { error: new TopicGoneError(`there is no topic ${this.topic} any more`) };
      this.#wake();
    } else if (id !== undefined && partitions.isOfOther(id)) {
      this.#reposition();
    }
  }

  /** Where a partition ends now. */
  noticeEnd(partition: number, end: bigint): void {
    this.#options.partitions.noticeEnd(partition, end);
    this.#countLag();
  }

  /** Inserts what has been taken, takes no more, and lets {@link run} return. */
  stop(): void {
    this.#isStopping = true;
    this.#wake();
  }

  /** Works until stopped. Never throws: a failure stands in the counts, until a replay has made the table anew, or a topic that was gone is there again. */
  async run(): Promise<void> {
    try {
      do await this.#work();
      while (await this.#isMended());
    } finally {
      this.#onPrepared();
    }
  }

  /** Calls back whenever the stream has failed. */
  onFailure(listener: () => void): void {
    this.#failureListeners.push(listener);
  }

  /** Until stopped or failed. */
  async #work(): Promise<void> {
    try {
      while (await this.#step());
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Waits, after a failure, for another table under the name, or for the topic if that was gone, and forgets the failure; false if stopped before. */
  async #isMended(): Promise<boolean> {
    const { table, partitions, counts } = this.#options;
    const isTopicGone = counts.failure instanceof TopicGoneError;
    // Known to be gone, or not found when it was looked for: then the next look counts.
    if (isTopicGone) this.#hasTopic = false;
    let failedWith: string | undefined;
    while (!this.#isStopping) {
      counts.state = 'failed';
      if (isTopicGone) {
        if (!this.#hasTopic) {
          await this.#untilWoken();
          continue;
        }
        logger.info(
          { stream: counts.stream, topic: this.topic },
          'the topic is there again: the sink reads it',
        );
      } else {
        // It may be ClickHouse that the stream has failed for.
        const identity = await table.readIdentity().catch(() => undefined);
        failedWith ??= identity;
        counts.state = 'failed';
        if (identity === undefined || identity === failedWith) {
          await this.#untilWoken();
          continue;
        }
        logger.info({ stream: counts.stream }, 'the table was made anew: going on');
      }
      counts.failure = undefined;
      this.#fault = undefined;
      partitions.takeUp();
      this.#startOver();
      return true;
    }
    return false;
  }

  /** Keeps why the stream failed and says it once. */
  #fail(error: unknown): void {
    const { counts, partitions } = this.#options;
    if (this.#isStopping) {
      const { stream } = counts;
      logger.warn(
        { stream, reason: messageOf(error) },
        'the last rows are not in: the next sink takes them again',
      );
      if (counts.buffered > 0)
        counts.failure = new StoppedError(
          `stopped before ${counts.buffered} messages were inserted: the next sink takes them again`,
        );
      return;
    }
    counts.failure = error instanceof Error ? error : new Error(messageOf(error));
    counts.state = 'failed';
    logger.error({ stream: counts.stream, reason: messageOf(error) }, 'stream stopped');
    this.#discard();
    partitions.giveUp();
    this.#countLag();
    this.#onPrepared();
    for (const listener of this.#failureListeners) listener();
  }

  /** One step; false when there is none any more. */
  async #step(): Promise<boolean> {
    const { partitions, counts } = this.#options;
    if (this.#fault !== undefined) throw this.#fault.error;
    if (this.#mustRelearn && !this.#isStopping) {
      counts.state = 'learning';
      await this.#relearn();
    } else if (partitions.mustPosition && !this.#isStopping) {
      counts.state = 'positioning';
      await this.#position();
    } else if (this.#isDue() && partitions.isMember) {
      await this.#insertFilling();
    } else if (this.#isStopping) {
      return false;
    } else if (this.#wanted !== undefined) {
      counts.state = 'learning';
      await this.#learn(this.#wanted);
    } else {
      counts.state = this.#filling === undefined ? 'idle' : 'flowing';
      const isLong = await this.#untilWoken();
      if (isLong && partitions.isAssigned && (await this.#options.table.isReplaced())) this.#startOver();
    }
    return true;
  }

  /** Makes table and views for what the topic's subject has, so that a stream without messages can be queried too. */
  async #relearn(): Promise<void> {
    const { schemas } = this.#options;
    this.#mustRelearn = false;
    schemas.forget();
    await schemas.learnLatest();
    this.#onPrepared();
  }

  async #position(): Promise<void> {
    this.#discard();
    await this.#options.partitions.position();
    this.#countLag();
    this.#updateFlow();
  }

  async #learn(wanted: number): Promise<void> {
    await this.#options.schemas.learn(wanted);
    this.#wanted = undefined;
    this.#updateFlow();
  }

  async #insertFilling(): Promise<void> {
    const { partitions, inserter, counts, table } = this.#options;
    const batch = this.#filling;
    if (batch === undefined) return;
    this.#filling = undefined;
    counts.oldestRowMs = undefined;
    this.#isInserting = true;
    this.#updateFlow();
    const { generation } = partitions;
    try {
      const outcome = await inserter.insert(batch, partitions);
      const block = outcome === 'inserted' ? await table.lastBlock() : '';
      if (generation.aborted) return;
      if (outcome === 'inserted') {
        partitions.commit(batch.consumed, batch.trails, block);
        counts.stalledSinceMs = undefined;
        this.#countLag();
        this.#isCareful = false;
      } else {
        // Once more from where the table stands: with its columns as they are now, or with an eye on every row.
        this.#isCareful = outcome === 'refused';
        this.#startOver();
      }
    } catch (error) {
      // Whoever has the partitions now takes the batch again; but not what a view has left in the table.
      if (!generation.aborted || error instanceof ViewFailedError) throw error;
      return;
    } finally {
      this.#isInserting = false;
      this.#options.buffers.giveBack(batch.rows);
      this.#updateFlow();
    }
  }

  /** Gives the offset of the message that it could not take yet. */
  #fill(batch: Batch, partition: number, messages: readonly KafkaMessage[]): bigint | undefined {
    const { schemas } = this.#options;
    for (const message of messages) {
      try {
        const unlearnt = addMessage(batch, schemas, partition, message);
        if (unlearnt === undefined) continue;
        this.#wanted = unlearnt;
        return BigInt(message.offset);
      } catch (error) {
        if (!(error instanceof RecordError)) throw error;
        const letter = { stream: this.counts.stream, topic: this.topic, partition, message, error };
        batch.setAside({ ...letter, schemaId: schemaIdIn(message.value) });
      }
    }
    return undefined;
  }

  #createBatch(): Batch {
    const { table, partitions, buffers } = this.#options;
    return new Batch(table.columns, buffers.take(), partitions.topicId, this.#isCareful);
  }

  #isFull({ rows, rowCount, letterBytes }: Batch): boolean {
    const { limits } = this.#options;
    return rowCount >= limits.rows || rows.length >= limits.bytes || letterBytes >= limits.letterBytes;
  }

  #isDue(): boolean {
    const batch = this.#filling;
    if (batch === undefined) return false;
    const { partitions, buffers } = this.#options;
    const isForced =
      this.#isStopping || this.#wanted !== undefined || partitions.isCaughtUp || buffers.isFull();
    return isForced || this.#isFull(batch) || this.#waitMs(batch) <= 0;
  }

  /** How long a batch may still wait for more messages. */
  #waitMs({ startedMs }: Batch): number {
    const { ageMs, quietMs } = this.#options.limits;
    return Math.min(startedMs + ageMs, this.#lastAcceptMs + quietMs) - performance.now();
  }

  /** True if nothing has happened for a long time. */
  async #untilWoken(): Promise<boolean> {
    if (this.#isStopping) return false;
    const batch = this.#filling;
    const waitMs =
      batch === undefined
        ? TABLE_CHECK_MS
        : Math.max(this.#waitMs(batch), this.#isDue() ? MEMBER_CHECK_MS : 1);
    let timer: NodeJS.Timeout | undefined;
    const isLong = await new Promise<boolean>((resolve) => {
      this.#wake = () => resolve(false);
      timer = setTimeout(() => resolve(batch === undefined), waitMs);
    });
    clearTimeout(timer);
    this.#wake = () => {};
    return isLong;
  }

  /** Another table may be there than before, or none. */
  #startOver(): void {
    this.#mustRelearn = true;
    this.#reposition();
  }

  #reposition(): void {
    this.#options.partitions.reposition();
    this.#discard();
    this.#wake();
  }

  #discard(): void {
    if (this.#filling !== undefined) this.#options.buffers.giveBack(this.#filling.rows);
    this.#filling = undefined;
    this.#wanted = undefined;
    this.counts.oldestRowMs = undefined;
  }

  #countLag(): void {
    const { partitions, counts } = this.#options;
    counts.lag.clear();
    counts.buffered = 0;
    if (counts.failure instanceof TopicGoneError) {
      counts.stalledSinceMs = undefined;
      return;
    }
    let sum = 0;
    for (const [partition, { lag, buffered }] of partitions.lags) {
      counts.lag.set(partition, lag);
      // What a failed stream had taken was thrown away.
      if (counts.failure === undefined) counts.buffered += buffered;
      sum += lag;
    }
    if (sum === 0) counts.stalledSinceMs = undefined;
    else counts.stalledSinceMs ??= performance.now();
  }

  #updateFlow(): void {
    const { partitions, buffers } = this.#options;
    const batch = this.#filling;
    const hasRoom = batch === undefined || (!this.#isFull(batch) && !buffers.isFull());
    partitions.hold(this.#wanted !== undefined || (this.#isInserting && !hasRoom));
  }
}

/** As far as the bytes name one. */
function schemaIdIn(value: Buffer | null): number | undefined {
  try {
    return value === null ? undefined : schemaIdOf(value);
  } catch {
    return undefined;
  }
}
