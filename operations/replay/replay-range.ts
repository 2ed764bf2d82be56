import type { KafkaAdmin } from '../../core/kafka/admin.ts';
import { ReplayRefusedError } from '../../core/errors.ts';
import { hasBrokerTimes } from '../../core/kafka/topic-retention.ts';
import { readPartitionLogs } from '../../consumers/stream/partition-logs.ts';
import { highestOf, resumeOffset } from '../../consumers/stream/resume-offset.ts';
import type { TableRows } from '../../consumers/table/partition-rows.ts';
import type { CopiedRange } from './shadow-table.ts';

/** What of a topic a replay reads. */
export interface ReplayRange {
  /** By partition, the first offset that is read; and the end at the time. */
  readonly partitions: ReadonlyMap<number, { readonly from: bigint; readonly end: bigint }>;
  /** By partition, the first offset that the topic has. */
  readonly starts: ReadonlyMap<number, bigint>;
  /** What the live table held when this was found out: what is kept of it must not be read again. */
  readonly live: TableRows;
}

/**
 * The whole topic, or what it has got since a time.
 *
 * @param from ms since 1970; undefined for the beginning.
 * @param live what the live table holds: of a partition that it has not got as far as `from`, the replay begins where it stands.
 * @throws ReplayRefusedError where nothing is there, or where times do not tell what is older; ServiceUnavailableError,
 *   ServiceRefusedError
 */
export async function replayRange(
  admin: KafkaAdmin,
  topic: string,
  from: number | undefined,
  live: TableRows,
): Promise<ReplayRange> {
  if (from !== undefined && !(await isInOrderOfTime(admin, topic)))
    throw new ReplayRefusedError(
      `topic ${topic} has the times of its producers (message.timestamp.type), which do not tell what stands before --from: use --from beginning; nothing was changed`,
    );
  const logs = await readPartitionLogs(admin, topic);
  const partitions = new Map<number, { from: bigint; end: bigint }>();
  for (const [partition, log] of logs) {
    let start = log.start;
    if (from !== undefined) {
      const since = await log.firstOffsetSince(BigInt(from));
      const standing = await resumeOffset(live, partition, log);
      start = since < standing ? since : standing;
    }
    partitions.set(partition, { from: start, end: log.end });
  }
  if ([...logs.values()].every(({ start, end }) => start === end))
    throw new ReplayRefusedError(
      `topic ${topic} is empty: there is nothing to replay, and nothing was changed`,
    );
  const starts = new Map([...logs].map(([partition, { start }]) => [partition, start]));
  return { partitions, starts, live };
}

/** Whether the times of a topic's messages tell which stands before which. @throws ServiceUnavailableError, ServiceRefusedError */
export async function isInOrderOfTime(admin: KafkaAdmin, topic: string): Promise<boolean> {
  return hasBrokerTimes((await admin.topicConfigs([topic])).get(topic));
}

/** The rows of the live table that a replay from a time keeps, as far as the table was looked at. */
export function keptRows(from: number, live: TableRows): CopiedRange[] {
  return partitionsOf(live).map((partition) => ({
    partition,
    from: 0n,
    to: (highestOf(live, partition)?.offset ?? -1n) + 1n,
    beforeMs: BigInt(from),
  }));
}

function partitionsOf(rows: TableRows): number[] {
  return [...new Set(rows.map(({ partition }) => partition))];
}

/**
 * What a sink has written into the live table beyond what the new one holds. Rows of a topic of before are not later than that.
 *
 * @param live and `shadow`: the rows of the topic as it is, see `rowsOfTopic`.
 * @param ends of the partitions, read after the tables: no sink has written a row that is further.
 */
export function writtenMeanwhile(
  live: TableRows,
  shadow: TableRows,
  ends: ReadonlyMap<number, bigint>,
): CopiedRange[] {
  return partitionsOf(shadow).flatMap((partition) => {
    const highest = highestOf(shadow, partition);
    if (highest === undefined) return [];
    const there = (highestOf(live, partition)?.offset ?? -1n) + 1n;
    const end = ends.get(partition) ?? 0n;
    const [from, to] = [highest.offset + 1n, there < end ? there : end];
    return from < to ? [{ partition, from, to, sinceMs: highest.timeMs }] : [];
  });
}
