import type { MessagePosition, PartitionRows, TableRows } from '../table/partition-rows.ts';

/** The messages that a partition has now. */
export interface PartitionLog {
  /** Kafka's id of its topic; 0 if the broker has none (before Kafka 2.8). */
  readonly topicId: bigint;
  readonly start: bigint;
  /** The offset that its next message will have. */
  readonly end: bigint;
  /** Returns whether the broker sets message times. Only then do times rise with offsets. */
  hasBrokerTimes(): Promise<boolean>;
  /** Returns the offset of the first message at or after `timeMs`; the end if there is none. */
  firstOffsetSince(timeMs: bigint): Promise<bigint>;
}

/**
 * Returns the rows of a topic; all rows if its id is unknown. Includes rows without an id, unless
 * the table has rows of another topic.
 */
export function rowsOfTopic(rows: TableRows, topicId: bigint): TableRows {
  if (topicId === 0n) return rows;
  const hasOther = rows.some((other) => other.topicId !== 0n && other.topicId !== topicId);
  return rows.filter((row) => row.topicId === topicId || (row.topicId === 0n && !hasOther));
}

/** Returns the highest offset among a partition's rows, with its time; undefined without rows. */
export function highestOf(rows: TableRows, partition: number): MessagePosition | undefined {
  const [first, ...others] = rows.filter((row) => row.partition === partition).map(({ highest }) => highest);
  return first && others.reduce((a, b) => (b.offset > a.offset ? b : a), first);
}

/**
 * Returns the offset at which a sink resumes a partition: after the highest offset of its rows,
 * since every insert is one block of contiguous ranges; or at the start, if all its rows come from
 * a topic that was recreated or truncated.
 *
 * Ids distinguish topics. Rows without an id count as rows of the topic unless they lie beyond the
 * log's end, or the log's first message is later than the newest row. Times that producers set
 * prove nothing.
 */
export async function resumeOffset(rows: TableRows, partition: number, log: PartitionLog): Promise<bigint> {
  let next = log.start;
  for (const row of rowsOfTopic(rows, log.topicId)) {
    if (row.partition !== partition) continue;
    const offset = await offsetAfter(row, log);
    if (offset > next) next = offset;
  }
  return next;
}

export async function resumeOffsetsOf(
  rows: TableRows,
  logs: ReadonlyMap<number, PartitionLog>,
): Promise<Map<number, bigint>> {
  const offsets = new Map<number, bigint>();
  for (const [partition, log] of logs) offsets.set(partition, await resumeOffset(rows, partition, log));
  return offsets;
}

async function offsetAfter({ topicId, newest, highest }: PartitionRows, log: PartitionLog): Promise<bigint> {
  const isCertain = topicId !== 0n && topicId === log.topicId;
  if (isCertain || !(await log.hasBrokerTimes()))
    return highest.offset < log.end ? highest.offset + 1n : log.start;
  if (await isOfLog(highest, log)) return highest.offset + 1n;
  if (newest.offset !== highest.offset && (await isOfLog(newest, log))) return newest.offset + 1n;
  return log.start;
}

async function isOfLog({ offset, timeMs }: MessagePosition, log: PartitionLog): Promise<boolean> {
  if (offset >= log.end) return false;
  const firstLater = await log.firstOffsetSince(timeMs + 1n);
  if (firstLater > offset) return true;
  return firstLater !== (await log.firstOffsetSince(0n));
}
