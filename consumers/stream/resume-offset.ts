import type { MessagePosition, PartitionRows, TableRows } from '../table/partition-rows.ts';

/** What the partition holds now. */
export interface PartitionLog {
  /** Kafka's id of its topic; 0 where the broker gives none (before Kafka 2.8). */
  readonly topicId: bigint;
  /** Its first offset. */
  readonly start: bigint;
  /** The offset that its next message will get. */
  readonly end: bigint;
  /** Whether the broker gives messages their times. Only then do times rise with offsets. */
  hasBrokerTimes(): Promise<boolean>;
  /** The offset of the first message that is as late as `timeMs`; the end if there is none. */
  firstOffsetSince(timeMs: bigint): Promise<bigint>;
}

/**
 * The rows that are of a topic. Those of an unknown topic are among them as long as the table has none of a third: they were written
 * before it kept the topic, or by a broker that gives no ids.
 */
export function rowsOfTopic(rows: TableRows, topicId: bigint): TableRows {
  if (topicId === 0n) return rows;
  const hasOther = rows.some((other) => other.topicId !== 0n && other.topicId !== topicId);
  return rows.filter((row) => row.topicId === topicId || (row.topicId === 0n && !hasOther));
}

/** Of a partition, the highest offset that the rows have, and its time; undefined if they have none. */
export function highestOf(rows: TableRows, partition: number): MessagePosition | undefined {
  return rows
    .filter((row) => row.partition === partition)
    .map(({ highest }) => highest)
    .reduce<MessagePosition | undefined>(
      (a, b) => (a === undefined || b.offset > a.offset ? b : a),
      undefined,
    );
}

/**
 * Where a sink goes on with a partition of which the table holds some rows.
 *
 * - Rows of the topic as it is: behind the highest offset. Every insert is one block of contiguous ranges, so nothing below it is
 *   missing.
 * - Only rows of a topic that was deleted and made again, or was cut off: from the start.
 *
 * Topics are told by their ids. Of rows without one the log's end tells; and its first message being later than the newest row, which
 * can only be if that row's message has gone. Of times that producers give nothing is inferred.
 */
export async function resumeOffset(rows: TableRows, partition: number, log: PartitionLog): Promise<bigint> {
  let next = log.start;
  for (const row of rowsOfTopic(rows, log.topicId)) {
    if (row.partition !== partition) continue;
    const offset = await offsetBehind(row, log);
    if (offset > next) next = offset;
  }
  return next;
}

async function offsetBehind({ topicId, newest, highest }: PartitionRows, log: PartitionLog): Promise<bigint> {
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
