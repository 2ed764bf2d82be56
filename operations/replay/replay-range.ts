import type { KafkaAdmin } from '../../core/kafka/admin.ts';
import { ReplayRefusedError } from '../../core/errors.ts';
import type { OffsetSpan } from '../../core/kafka/read-spans.ts';
import { readPartitionLogs } from '../../consumers/stream/partition-logs.ts';
import { highestOf, resumeOffset } from '../../consumers/stream/resume-offset.ts';
import type { TableRows } from '../../consumers/table/partition-rows.ts';
import type { CopiedRange } from './shadow-table.ts';

export interface ReplayRange {
  /** The offsets to read by partition, up to the end offset. */
  readonly spans: ReadonlyMap<number, OffsetSpan>;
  /** The first offset on the topic, by partition. */
  readonly starts: ReadonlyMap<number, bigint>;
  /** Contents of the live table when the range was read. */
  readonly live: TableRows;
}

/**
 * Returns the offsets that a replay reads.
 * @param from ms since 1970; undefined for the beginning.
 * @param live contents of the live table. If a partition is not stored up to `from`, the replay
 * starts at its resume offset.
 * @throws ReplayRefusedError for an empty topic, or for producer timestamps if `from` is given.
 */
export async function replayRange(
  admin: KafkaAdmin,
  topic: string,
  from: number | undefined,
  live: TableRows,
): Promise<ReplayRange> {
  if (from !== undefined && !(await admin.hasBrokerTimes(topic)))
    throw new ReplayRefusedError(
      `topic ${topic} has producer timestamps (message.timestamp.type), which cannot be compared with --from: use --from beginning; nothing was changed`,
    );
  const logs = await readPartitionLogs(admin, topic);
  const spans = new Map<number, OffsetSpan>();
  for (const [partition, log] of logs) {
    let start = log.start;
    if (from !== undefined) {
      const since = await log.firstOffsetSince(BigInt(from));
      const resume = await resumeOffset(live, partition, log);
      start = since < resume ? since : resume;
    }
    spans.set(partition, { from: start, to: log.end });
  }
  if ([...logs.values()].every(({ start, end }) => start === end))
    throw new ReplayRefusedError(
      `topic ${topic} is empty: there is nothing to replay, and nothing was changed`,
    );
  const starts = new Map([...logs].map(([partition, { start }]) => [partition, start]));
  return { spans, starts, live };
}

/** Returns the rows of the live table that a replay with `--from` keeps. */
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
 * Returns the rows that a sink has written into the live table and that the new table lacks. Rows
 * of a deleted topic are older than these.
 * @param live the rows of the current topic, like `shadow`: see `rowsOfTopic`.
 * @param ends end offsets, read after the tables, so no row is beyond them.
 */
export function rowsToCarryOver(
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
