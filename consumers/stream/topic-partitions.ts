import { setMaxListeners } from 'node:events';
import { isDeepStrictEqual } from 'node:util';
import type { CaughtUp } from '../../core/kafka/caught-up.ts';
import { NameTakenError, StoppedError } from '../../core/errors.ts';
import { logger } from '../../core/logger.ts';
import type { OffsetSpan } from '../../core/kafka/topic-reader.ts';
import type { StorageTable } from '../table/storage-table.ts';
import { describeTopics, type AskAdmin } from '../../core/kafka/client.ts';
import { findMergedAway } from './merged-away.ts';
import { endsOf, readPartitionLogs, topicIdOf } from './partition-logs.ts';
import type { SetAside } from './set-aside.ts';
import {
  extended,
  trailIn,
  trailOf,
  trailText,
  type CommittedOffset,
  type Trail,
  type TrailOwner,
} from './trail.ts';
import { highestOf, resumeOffset, rowsOfTopic } from './resume-offset.ts';
import type { TableRows } from '../table/partition-rows.ts';

/** What the partitions of one topic ask of the consumer. */
export interface TopicControl {
  /** No message of the topic is fetched any more; those that were fetched may still come. */
  pause(): void;
  resume(): void;
  seek(partition: number, offset: bigint): void;
  /**
   * For the tools that show a group's lag, and for what was set aside behind the last row; where to go on, the table tells. Does not wait,
   * and may fail without harm.
   */
  commit(offsets: ReadonlyMap<number, CommittedOffset>): void;
  /** Whether the group has heard of this process lately, so that nobody else can have its partitions. */
  isMember(): boolean;
}

const NO_TRAIL: Trail = { highest: undefined, letters: 0 };

type Letters = Pick<SetAside, 'countBetween' | 'has'>;

/**
 * Finds messages behind the last rows that need no row: dead letters, or rows that merges removed.
 */
export interface SetAsideSource {
  /** By partition, what the group has committed of the topic. */
  committed(): Promise<ReadonlyMap<number, CommittedOffset>>;
  letters(): Promise<Letters>;
  /** Whether the table lacks the rows of these messages because of merges and nothing else. */
  wasMergedAway(spans: ReadonlyMap<number, OffsetSpan>, letters: Letters): Promise<boolean>;
}

/** By partition, where to resume, and the trail behind the last row. */
interface Positions {
  readonly found: Map<number, bigint>;
  readonly trails: Map<number, Trail>;
}

interface PartitionState {
  /** The offset of the next message to take. */
  next: bigint;
  /** The consumer is further than that, and must be sent back. */
  isCut: boolean;
  /** The partition's end, as far as it is known. */
  end: bigint | undefined;
}

/** Of a partition, how many messages before its end are not in the table, and how many of these were taken. */
export interface PartitionLag {
  readonly lag: number;
  readonly buffered: number;
}

/** The partitions of one topic that this process has, and where it stands in them. The table is the checkpoint. */
export class TopicPartitions {
  readonly #topic: string;
  readonly #table: StorageTable;
  readonly #ask: AskAdmin;
  readonly #control: TopicControl;
  readonly #caughtUp: CaughtUp;
  readonly #floors: ReadonlyMap<number, bigint>;
  readonly #aside: SetAsideSource | undefined;
  readonly #states = new Map<number, PartitionState>();
  readonly #trails = new Map<number, Trail>();
  readonly #done = new Map<number, bigint>();
  #rows: TableRows = [];
  #topicId = 0n;
  #generation = new AbortController();
  #mustPosition = false;
  #isVerified = false;
  #isHeld = false;
  #isGivenUp = false;

  constructor(options: {
    readonly topic: string;
    readonly table: StorageTable;
    readonly ask: AskAdmin;
    readonly control: TopicControl;
    readonly caughtUp: CaughtUp;
    /** By partition, the offset before which nothing is taken. */
    readonly floors?: ReadonlyMap<number, bigint>;
    readonly aside?: SetAsideSource;
  }) {
    this.#topic = options.topic;
    this.#table = options.table;
    this.#ask = options.ask;
    this.#control = options.control;
    this.#caughtUp = options.caughtUp;
    this.#floors = options.floors ?? new Map();
    this.#aside = options.aside;
  }

  /** Aborts at the next assignment: what was taken until then may be another's to insert. */
  get generation(): AbortSignal {
    return this.#generation.signal;
  }

  /** False while nobody can say whether the partitions are still this process's. */
  get isMember(): boolean {
    return this.#control.isMember();
  }

  /** Where to go on is not known. */
  get mustPosition(): boolean {
    return this.#mustPosition;
  }

  /** Messages are taken. */
  get isFlowing(): boolean {
    return !this.#mustPosition && !this.#isGivenUp;
  }

  /** All that was wanted at the start has been taken, though it may not be inserted yet. */
  get isCaughtUp(): boolean {
    return this.#caughtUp.isReachedBy(this.#topic, (partition) => this.#states.get(partition)?.next);
  }

  assign(partitions: readonly number[]): void {
    this.#states.clear();
    for (const partition of partitions)
      this.#states.set(partition, { next: 0n, isCut: true, end: undefined });
    this.#generation.abort(new StoppedError('the group has given its partitions anew'));
    this.#generation = new AbortController();
    setMaxListeners(0, this.#generation.signal);
    this.reposition();
  }

  /** Where to go on is to be found out again. */
  reposition(): void {
    this.#mustPosition = true;
    this.#control.pause();
    this.#isHeld = true;
  }

  /**
   * Finds out from table and topic where to go on in each partition.
   *
   * @throws ServiceRefusedError, ServiceUnavailableError
   */
  async position(): Promise<void> {
    const { generation } = this;
    const found = new Map<number, bigint>();
    const trails = new Map<number, Trail>();
    let ends: ReadonlyMap<number, bigint> = new Map();
    let topicId = 0n;
    let uncommitted: ReadonlyMap<number, bigint> = new Map();
    if (this.#states.size > 0) {
      this.#rows = await this.#table.partitionRows();
      const logs = await readPartitionLogs(this.#ask, this.#topic);
      topicId = topicIdOf(logs);
      await this.#checkOwner(topicId);
      ends = endsOf(logs);
      for (const partition of this.#states.keys()) {
        const log = logs.get(partition);
        if (log === undefined) continue;
        const offset = await resumeOffset(this.#rows, partition, log);
        const highest = highestOf(rowsOfTopic(this.#rows, log.topicId), partition);
        if (highest !== undefined && offset !== highest.offset + 1n)
          logger.warn(
            { topic: this.#topic, partition, offset, tableOffset: highest.offset },
            'the topic is not the one that the table was filled from, or has lost messages: going on at the offset',
          );
        const floor = this.#floors.get(partition) ?? 0n;
        found.set(partition, offset < floor ? floor : offset);
        trails.set(partition, { highest: highest?.offset, letters: 0 });
      }
      uncommitted = await this.#passDone({ topicId, table: this.#table.identity }, ends, { found, trails });
    }
    const block = uncommitted.size > 0 ? await this.#table.lastBlock() : '';
    // Another assignment meanwhile: once more, for that one.
    if (generation.aborted) return;
    this.#topicId = topicId;
    this.#trails.clear();
    for (const [partition, trail] of trails) this.#trails.set(partition, trail);
    for (const [partition, state] of this.#states) {
      state.next = found.get(partition) ?? 0n;
      state.isCut = true;
      state.end = ends.get(partition);
      this.#done.set(partition, state.next);
      this.#caughtUp.advance(this.#topic, partition, state.next);
    }
    this.#isVerified = this.#states.size === 0;
    this.#mustPosition = false;
    if (uncommitted.size > 0) this.commit(uncommitted, new Map(), block);
  }

  /**
   * Resumes behind messages that follow the last row and need no row: first those whose rows merges
   * removed, then dead letters.
   *
   * @returns where to resume in partitions whose commit names another highest row: the last commit
   *   was lost, or the table was restored. Only a new commit records rows that merges remove from
   *   now on.
   */
  async #passDone(
    owner: TrailOwner,
    ends: ReadonlyMap<number, bigint>,
    { found, trails }: Positions,
  ): Promise<ReadonlyMap<number, bigint>> {
    const aside = this.#aside;
    if (aside === undefined) return new Map();
    const committed = await aside.committed();
    let read: Promise<Letters> | undefined;
    const letters = () => (read ??= aside.letters());
    const standings = { table: this.#table, rows: this.#rows, owner, next: found, ends, committed };
    const { behind, isMerged } = await findMergedAway(standings, async (spans) =>
      aside.wasMergedAway(spans, await letters()),
    );
    for (const [partition, to] of isMerged ? behind : []) {
      found.set(partition, to);
      trails.set(partition, { highest: to - 1n, letters: 0 });
    }
    for (const [partition, next] of found) {
      const commit = committed.get(partition);
      const end = ends.get(partition) ?? 0n;
      const trail = commit && trailIn(commit, owner, { next, highest: trails.get(partition)?.highest, end });
      if (commit === undefined || trail === undefined) continue;
      // Those that were redriven have rows, which may be lost.
      if ((await letters()).countBetween(this.#topic, partition, next, commit.offset) < trail.letters)
        continue;
      found.set(partition, commit.offset);
      trails.set(partition, trail);
    }
    if (owner.topicId === 0n) return new Map();
    return new Map(
      [...found].filter(([partition]) => {
        const commit = committed.get(partition);
        return (commit && trailOf(commit, owner))?.highest !== trails.get(partition)?.highest;
      }),
    );
  }

  /** Kafka's id of the topic that messages are taken from; 0 where it is not known. */
  get topicId(): bigint {
    return this.#topicId;
  }

  /** A topic whose name leads to the same table may have filled it, before there was this one. */
  async #checkOwner(topicId: bigint): Promise<void> {
    const others = new Set(this.#rows.map((row) => row.topicId).filter((id) => id !== 0n && id !== topicId));
    if (others.size === 0) return;
    const prefix = this.#topic.slice(0, -this.#table.stream.length);
    for (const [name, { id }] of await describeTopics(this.#ask)) {
      if (name !== this.#topic && name.startsWith(prefix) && others.has(id))
        throw new NameTakenError(
          `table ${this.#table.name} holds rows of topic ${name}, and would hold those of topic ${this.#topic} too: rename one of the topics, or drop the table`,
        );
    }
  }

  /** Whether messages are taken from another topic than this one. */
  isOfOther(topicId: bigint): boolean {
    return (
      this.isFlowing &&
      this.#states.size > 0 &&
      this.#topicId !== topicId &&
      this.#topicId !== 0n &&
      topicId !== 0n
    );
  }

  /**
   * Looks, before an insert, whether what was taken is of the topic and the table that {@link position} found:
   *
   * - The topic is still the same: messages came from it or from none. Another one is to be taken from its start.
   * - Before the first insert, the table has still the rows that it had then. If not, a sink that had the partitions before has inserted
   *   more: what was taken since is to be taken again from there.
   */
  async verify(): Promise<boolean> {
    if (this.#topicId !== 0n) {
      const found = (await describeTopics(this.#ask, [this.#topic])).get(this.#topic);
      // Of one that is gone, what was taken is all that is left.
      if (found !== undefined && found.id !== this.#topicId) return false;
    }
    if (this.#isVerified) return true;
    const rows = await this.#table.partitionRows();
    const ofPartition = (all: TableRows, partition: number) =>
      all.filter((row) => row.partition === partition);
    this.#isVerified = [...this.#states.keys()].every((partition) =>
      isDeepStrictEqual(new Set(ofPartition(rows, partition)), new Set(ofPartition(this.#rows, partition))),
    );
    return this.#isVerified;
  }

  /** The offset of the next message to take; undefined for a partition of which nothing is taken now. */
  next(partition: number): bigint | undefined {
    const state = this.#states.get(partition);
    return state === undefined || state.isCut ? undefined : state.next;
  }

  /** The partition ends there now. */
  noticeEnd(partition: number, end: bigint): void {
    const state = this.#states.get(partition);
    if (state !== undefined) state.end = end;
  }

  /** By partition, as far as it is known. */
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

  /** @param isCut not all that was fetched could be taken. */
  advance(partition: number, next: bigint, isCut: boolean): void {
    const state = this.#states.get(partition);
    if (state === undefined) return;
    state.next = next;
    state.isCut = isCut;
  }

  /** Holds fetching, or lets it go on from where each partition stands. */
  hold(isHeld: boolean): void {
    const shouldHold = isHeld || !this.isFlowing;
    if (shouldHold === this.#isHeld) return;
    this.#isHeld = shouldHold;
    if (shouldHold) {
      this.#control.pause();
      return;
    }
    for (const [partition, state] of this.#states) {
      if (state.isCut) this.#control.seek(partition, state.next);
      state.isCut = false;
    }
    this.#control.resume();
  }

  /** By partition, the offset before which everything is inserted or set aside; as far as that was done by this process. */
  get done(): ReadonlyMap<number, bigint> {
    return this.#done;
  }

  /** Whether this process has any of the topic's partitions. */
  get isAssigned(): boolean {
    return this.#states.size > 0;
  }

  /**
   * Everything before these offsets is a row or a dead letter, as the trails say.
   *
   * @param block the last that was inserted.
   */
  commit(offsets: ReadonlyMap<number, bigint>, trails: ReadonlyMap<number, Trail>, block = ''): void {
    const owner = { topicId: this.#topicId, table: this.#table.identity };
    const committed = new Map<number, CommittedOffset>();
    for (const [partition, offset] of offsets) {
      const trail = extended(this.#trails.get(partition), trails.get(partition) ?? NO_TRAIL);
      this.#trails.set(partition, trail);
      committed.set(partition, { offset, metadata: trailText(trail, owner, block) });
    }
    this.#control.commit(committed);
    for (const [partition, offset] of offsets) {
      this.#done.set(partition, offset);
      this.#caughtUp.advance(this.#topic, partition, offset);
    }
  }

  /** Nothing is taken until {@link takeUp}. */
  giveUp(): void {
    this.#isGivenUp = true;
    this.hold(true);
    this.#caughtUp.giveUp(this.#topic);
  }

  takeUp(): void {
    this.#isGivenUp = false;
  }
}
