import type { CommittedOffset } from '../../core/kafka/admin.ts';
import { setMaxListeners } from 'node:events';
import type { CaughtUp } from '../../core/kafka/caught-up.ts';
import { StoppedError } from '../../core/errors.ts';
import type { StorageTable } from '../table/storage-table.ts';
import type { Positions } from './positions.ts';
import { accumulated, commitMetadata, type CommittedRows } from './commit-metadata.ts';

/** Controls the consumer for the partitions of one topic. */
export interface TopicControl {
  /** Fetches no more messages of the topic; those already fetched may still arrive. */
  pause(): void;
  resume(): void;
  seek(partition: number, offset: bigint): void;
  /**
   * Commits offsets for lag tools, and so that the next sink skips dead letters. Does not wait, and
   * may fail without harm.
   */
  commit(offsets: ReadonlyMap<number, CommittedOffset>): void;
  /**
   * Returns whether this process is still a member of the group, so that no other process has its
   * partitions.
   */
  isMember(): boolean;
}

interface PartitionState {
  /** The offset of the next message to accept. */
  next: bigint;
  /** Whether the consumer is beyond that offset and must seek back. */
  isCut: boolean;
  /** The partition's end; undefined if unknown. */
  end: bigint | undefined;
  /**
   * The rows named by the last commit or, before the first commit, found with the resume offset;
   * undefined until then.
   */
  lastRows: CommittedRows | undefined;
}

/**
 * Number of offsets between the table's position and the partition's end, and how many of them are
 * accepted. Some are not messages but transaction markers or gaps left by compaction.
 */
interface PartitionLag {
  readonly lag: number;
  readonly buffered: number;
}

interface TopicPartitionsOptions {
  readonly topic: string;
  readonly table: Pick<StorageTable, 'identity'>;
  readonly control: TopicControl;
  readonly caughtUp: CaughtUp;
}

/**
 * The partitions of one topic that are assigned to this process, and how far the messages of each
 * are accepted and inserted.
 */
export class TopicPartitions {
  readonly #options: TopicPartitionsOptions;
  readonly #states = new Map<number, PartitionState>();
  readonly #done = new Map<number, bigint>();
  #topicId = 0n;
  #generation = new AbortController();
  #isHeld = false;

  constructor(options: TopicPartitionsOptions) {
    this.#options = options;
  }

  /**
   * Aborts at the next assignment: another process may insert the messages that were accepted until
   * then.
   */
  get generation(): AbortSignal {
    return this.#generation.signal;
  }

  /** False while another process may have the partitions. */
  get isMember(): boolean {
    return this.#options.control.isMember();
  }

  get assigned(): readonly number[] {
    return [...this.#states.keys()];
  }

  /** Kafka's id of the topic that messages are accepted from; 0 if unknown. */
  get topicId(): bigint {
    return this.#topicId;
  }

  /** Returns whether the topic has been recreated with another id. */
  isOtherTopic(topicId: bigint): boolean {
    return topicId !== this.#topicId && topicId !== 0n && this.#topicId !== 0n;
  }

  /**
   * Whether all messages that the topic had when the sink started have been accepted, but not all
   * of them inserted yet.
   */
  get isCaughtUp(): boolean {
    const { caughtUp, topic } = this.#options;
    return caughtUp.isReachedBy(topic, (partition) => this.#states.get(partition)?.next);
  }

  /** By partition: the offset before which every message is a row or a dead letter. */
  get done(): ReadonlyMap<number, bigint> {
    return this.#done;
  }

  /** The lag of each partition whose position and end are known. */
  get lags(): ReadonlyMap<number, PartitionLag> {
    const lags = new Map<number, PartitionLag>();
    for (const [partition, { next, end }] of this.#states) {
      const done = this.#done.get(partition);
      if (done === undefined || end === undefined) continue;
      const [lag, buffered] = [Number(end - done), Number(next - done)];
      lags.set(partition, { lag: Math.max(0, lag), buffered: Math.max(0, buffered) });
    }
    return lags;
  }

  /** Whether messages were accepted that are not inserted yet. */
  get hasAccepted(): boolean {
    return [...this.#states].some(([partition, { next }]) => next > (this.#done.get(partition) ?? next));
  }

  /** Whether the topic has, or may have, messages that are not inserted yet. */
  get isBehind(): boolean {
    return [...this.#states].some(([partition, { end }]) => {
      const done = this.#done.get(partition);
      return end === undefined || end > (done ?? 0n);
    });
  }

  /** Replaces the partitions. The consumer may be a new one, which has not paused them yet. */
  assign(partitions: readonly number[]): void {
    this.#states.clear();
    for (const partition of partitions)
      this.#states.set(partition, { next: 0n, isCut: true, end: undefined, lastRows: undefined });
    this.#generation.abort(new StoppedError('the group has reassigned its partitions'));
    this.#generation = new AbortController();
    setMaxListeners(0, this.#generation.signal);
    this.#isHeld = false;
  }

  resumeAt({ topicId, partitions, uncommitted, block }: Positions): void {
    const { caughtUp, topic } = this.#options;
    this.#topicId = topicId;
    for (const [partition, { next, end, lastRows }] of partitions) {
      this.#states.set(partition, { next, isCut: true, end, lastRows });
      this.#done.set(partition, next);
      caughtUp.advance(topic, partition, next);
    }
    if (uncommitted.size > 0) this.commit(uncommitted, new Map(), block);
  }

  /**
   * Returns the next offset to accept; undefined if it is unknown or the consumer must seek first.
   */
  next(partition: number): bigint | undefined {
    const state = this.#states.get(partition);
    return state === undefined || state.isCut ? undefined : state.next;
  }

  /**
   * Marks the messages before the offset as accepted.
   * @param isCut whether the consumer has fetched more than these.
   */
  advance(partition: number, next: bigint, isCut: boolean): void {
    const state = this.#states.get(partition);
    if (state !== undefined) Object.assign(state, { next, isCut });
  }

  /** Rejects the fetched messages of a partition, which are fetched again. */
  cut(partition: number): void {
    const state = this.#states.get(partition);
    if (state !== undefined) state.isCut = true;
  }

  noticeEnd(partition: number, end: bigint): void {
    const state = this.#states.get(partition);
    if (state !== undefined) state.end = end;
  }

  /** Pauses the consumer, or resumes it from the next offset of each partition. */
  hold(isHeld: boolean): void {
    if (isHeld === this.#isHeld) return;
    this.#isHeld = isHeld;
    const { control } = this.#options;
    if (isHeld) {
      control.pause();
      return;
    }
    for (const [partition, state] of this.#states) {
      if (state.isCut) control.seek(partition, state.next);
      state.isCut = false;
    }
    control.resume();
  }

  /** Commits offsets before which every message is a row or a dead letter. */
  commit(offsets: ReadonlyMap<number, bigint>, added: ReadonlyMap<number, CommittedRows>, block = ''): void {
    const { table, control, caughtUp, topic } = this.#options;
    const owner = { topicId: this.#topicId, table: table.identity };
    const committed = new Map<number, CommittedOffset>();
    for (const [partition, offset] of offsets) {
      const state = this.#states.get(partition);
      const rows = added.get(partition) ?? { highest: undefined, deadLetters: 0 };
      const lastRows = accumulated(state?.lastRows, rows);
      if (state !== undefined) state.lastRows = lastRows;
      committed.set(partition, { offset, metadata: commitMetadata(lastRows, owner, block) });
      this.#done.set(partition, offset);
      caughtUp.advance(topic, partition, offset);
    }
    control.commit(committed);
  }

  /** Stops waiting for the topic's end offsets. */
  abandon(): void {
    this.#options.caughtUp.abandon(this.#options.topic);
  }
}
