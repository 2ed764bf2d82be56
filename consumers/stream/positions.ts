import type { CommittedOffset, KafkaAdmin } from '../../core/kafka/admin.ts';
import { isDeepStrictEqual } from 'node:util';
import { NameTakenError } from '../../core/errors.ts';
import type { OffsetSpan } from '../../core/kafka/read-spans.ts';
import { logger } from '../../core/logger.ts';
import type { StorageTable } from '../table/storage-table.ts';
import { findMergedAway, type ResumeState } from './merged-away.ts';
import { endsOf, readPartitionLogs, topicIdOf } from './partition-logs.ts';
import type { TableRows } from '../table/partition-rows.ts';
import { highestOf, resumeOffset, rowsOfTopic } from './resume-offset.ts';
import type { DeadLetterIndex } from './dead-letter-index.ts';
import { trustedRows, committedRows, type CommittedRows, type CommitScope } from './commit-metadata.ts';

type DeadLetterLookup = Pick<DeadLetterIndex, 'countBetween' | 'has'>;

/**
 * Shows which messages after the table's last rows do not need a row: dead letters, and messages
 * whose rows merges have removed.
 */
export interface ResumeEvidence {
  /** Returns the group's committed offsets by partition. */
  committed(): Promise<ReadonlyMap<number, CommittedOffset>>;
  deadLetters(): Promise<DeadLetterLookup>;
  /** Returns whether the table lacks these messages' rows only because merges removed them. */
  wasMergedAway(spans: ReadonlyMap<number, OffsetSpan>, deadLetters: DeadLetterLookup): Promise<boolean>;
}

/** The resume offset of one partition, and its end. */
export interface Position {
  readonly next: bigint;
  /** The partition's end; undefined if the topic lacks the partition. */
  readonly end: bigint | undefined;
  readonly lastRows: CommittedRows | undefined;
}

export interface Positions {
  /** Kafka's id of the topic; 0 if unknown. */
  readonly topicId: bigint;
  readonly partitions: ReadonlyMap<number, Position>;
  /** Offsets to commit again, because the last commit was lost or the table was restored. */
  readonly uncommitted: ReadonlyMap<number, bigint>;
  /** The last block of the table, for the commit of these offsets. */
  readonly block: string;
}

interface PositionFinderOptions {
  readonly topic: string;
  readonly table: StorageTable;
  readonly admin: KafkaAdmin;
  /** The lowest offset to resume at, by partition. */
  readonly floors?: ReadonlyMap<number, bigint> | undefined;
  readonly evidence: ResumeEvidence;
}

/**
 * Determines from the table and the topic where the partitions resume. The table is the checkpoint.
 */
export class PositionFinder {
  readonly #options: PositionFinderOptions;
  /**
   * The table's rows when the partitions were positioned; undefined once an insert found them
   * unchanged.
   */
  #unverified: TableRows | undefined;

  constructor(options: PositionFinderOptions) {
    this.#options = options;
  }

  /** @throws TopicGoneError, NameTakenError, ServiceRefusedError, ServiceUnavailableError */
  async find(partitions: readonly number[]): Promise<Positions> {
    if (partitions.length === 0)
      return { topicId: 0n, partitions: new Map(), uncommitted: new Map(), block: '' };
    const { topic, table, admin, floors } = this.#options;
    const rows = await table.partitionRows();
    const logs = await readPartitionLogs(admin, topic);
    const topicId = topicIdOf(logs);
    await this.#checkOwner(rows, topicId);
    const found = new Map<number, Position>();
    for (const partition of partitions) {
      const log = logs.get(partition);
      if (log === undefined) continue;
      const offset = await resumeOffset(rows, partition, log);
      const highest = highestOf(rowsOfTopic(rows, log.topicId), partition)?.offset;
      if (highest !== undefined && offset !== highest + 1n)
        logger.warn(
          { topic, partition, offset, tableOffset: highest },
          'the topic was recreated or has lost messages: the sink resumes at this offset',
        );
      const floor = floors?.get(partition) ?? 0n;
      const next = offset < floor ? floor : offset;
      found.set(partition, { next, end: log.end, lastRows: { highest, deadLetters: 0 } });
    }
    const owner = { topicId, table: table.identity };
    const committed = await this.#options.evidence.committed();
    await this.#skipRowless(found, { rows, owner, committed, ends: endsOf(logs) });
    const uncommitted = uncommittedOf(found, owner, committed);
    const block = uncommitted.size > 0 ? await table.lastBlock() : '';
    for (const partition of partitions)
      if (!found.has(partition)) found.set(partition, { next: 0n, end: undefined, lastRows: undefined });
    this.#unverified = rows;
    return { topicId, partitions: found, uncommitted, block };
  }

  /**
   * Returns whether the positions are still valid before an insert: the topic is the same or gone
   * and, until the first insert, the table's rows are unchanged. Otherwise the topic was recreated,
   * or the previous owner of the partitions has inserted more rows.
   * @param topicId of the topic that the messages came from; 0 if unknown.
   */
  async stillHold(topicId: bigint, partitions: readonly number[]): Promise<boolean> {
    const { topic, table, admin } = this.#options;
    if (topicId !== 0n) {
      const found = (await admin.describeTopics([topic])).get(topic);
      if (found !== undefined && found.id !== topicId) return false;
    }
    if (this.#unverified === undefined) return true;
    const rows = rowsOf(await table.partitionRows(), partitions);
    if (!isDeepStrictEqual(new Set(rows), new Set(rowsOf(this.#unverified, partitions)))) return false;
    this.#unverified = undefined;
    return true;
  }

  /**
   * Moves positions past messages without rows: first past those whose rows merges have removed,
   * then past dead letters.
   */
  async #skipRowless(
    found: Map<number, Position>,
    state: Omit<ResumeState, 'table' | 'next'>,
  ): Promise<void> {
    const { topic, table, evidence } = this.#options;
    let reading: Promise<DeadLetterLookup> | undefined;
    const deadLetters = () => (reading ??= evidence.deadLetters());
    const next = new Map([...found].map(([partition, position]) => [partition, position.next]));
    const { resumeAt, isMerged } = await findMergedAway({ ...state, table, next }, async (spans) =>
      evidence.wasMergedAway(spans, await deadLetters()),
    );
    for (const [partition, position] of found) {
      const merged = isMerged ? resumeAt.get(partition) : undefined;
      const resumed =
        merged === undefined
          ? position
          : { ...position, next: merged, lastRows: { highest: merged - 1n, deadLetters: 0 } };
      found.set(partition, resumed);
      const commit = state.committed.get(partition);
      const { end = 0n } = position;
      const lastRows =
        commit &&
        trustedRows(commit, state.owner, { next: resumed.next, highest: resumed.lastRows?.highest, end });
      if (commit === undefined || lastRows === undefined) continue;
      // Redriven dead letters have rows, which the table may have lost.
      const count = (await deadLetters()).countBetween(topic, partition, resumed.next, commit.offset);
      if (count >= lastRows.deadLetters) found.set(partition, { ...resumed, next: commit.offset, lastRows });
    }
  }

  /**
   * Checks that no other topic with the same table name has filled the table.
   * @throws NameTakenError
   */
  async #checkOwner(rows: TableRows, topicId: bigint): Promise<void> {
    const { topic, table, admin } = this.#options;
    const others = new Set(rows.map((row) => row.topicId).filter((id) => id !== 0n && id !== topicId));
    if (others.size === 0) return;
    const prefix = topic.slice(0, -table.stream.length);
    for (const [name, { id }] of await admin.describeTopics()) {
      if (name !== topic && name.startsWith(prefix) && others.has(id))
        throw new NameTakenError(
          `table ${table.name} already contains rows from topic ${name} and would also receive those from topic ${topic}: use another name for one of the topics, or drop the table`,
        );
    }
  }
}

function rowsOf(rows: TableRows, partitions: readonly number[]): TableRows {
  return rows.filter(({ partition }) => partitions.includes(partition));
}

function uncommittedOf(
  found: ReadonlyMap<number, Position>,
  owner: CommitScope,
  committed: ReadonlyMap<number, CommittedOffset>,
): ReadonlyMap<number, bigint> {
  if (owner.topicId === 0n) return new Map();
  const differing = [...found].filter(([partition, { lastRows }]) => {
    const commit = committed.get(partition);
    return (commit && committedRows(commit, owner))?.highest !== lastRows?.highest;
  });
  return new Map(differing.map(([partition, { next }]) => [partition, next]));
}
