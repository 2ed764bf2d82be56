import type { CommittedOffset, KafkaAdmin } from '../../core/kafka/admin.ts';
import { committedRows, type CommitScope } from '../../consumers/stream/commit-metadata.ts';
import { readPartitionLogs } from '../../consumers/stream/partition-logs.ts';
import { resumeOffset } from '../../consumers/stream/resume-offset.ts';
import type { PartitionStatus, TopicStatus } from './stream-status.ts';
import type { TableFacts } from './table-facts.ts';

/**
 * Returns the current partitions of a topic. Computes the lag with the sink's own rule for the
 * resume offset, so rows of a deleted topic do not count for a recreated one.
 * @param sink the sink's table, null if there is none, and the commits of the sink's group. Both
 *   must be read before this call, so that the topic contains the message of every row. Undefined
 *   if either could not be read.
 */
export async function readTopicStatus(
  admin: KafkaAdmin,
  name: string,
  sink: { table: TableFacts | null; committed: ReadonlyMap<number, CommittedOffset> | undefined } | undefined,
): Promise<TopicStatus> {
  const partitions: PartitionStatus[] = [];
  for (const [partition, log] of await readPartitionLogs(admin, name)) {
    const { topicId, start, end } = log;
    let lag: bigint | undefined;
    if (sink !== undefined) {
      const { rows = 0n, identity = '', newest = [] } = sink.table ?? {};
      const next = await resumeOffset(newest, partition, log);
      const commit = sink.committed?.get(partition);
      const isValid = commit !== undefined && isCommitValid(commit, { topicId, table: identity }, rows);
      lag = partitionLag(log, next, isValid ? commit.offset : undefined);
    }
    partitions.push({ partition, start, end, committed: sink?.committed?.get(partition)?.offset, lag });
  }
  return { name, partitions: partitions.sort((a, b) => a.partition - b.partition) };
}

/** Returns the sum over all partitions; undefined if the lag of a partition is unknown. */
export function lagOf({ partitions }: TopicStatus): bigint | undefined {
  return partitions.reduce<bigint | undefined>(
    (sum, { lag }) => (sum === undefined || lag === undefined ? undefined : sum + lag),
    0n,
  );
}

/**
 * Returns the number of offsets of one partition that a sink has not passed.
 * @param next the resume offset according to the table's rows: see `resumeOffset`.
 * @param committed the committed offset of the sinks' group; undefined without a valid one. It is
 *   beyond the rows if the last offsets have none, such as dead letters and the markers that end
 *   transactions.
 */
export function partitionLag(
  { start, end }: Pick<PartitionStatus, 'start' | 'end'>,
  next: bigint,
  committed: bigint | undefined,
): bigint {
  // An offset beyond the end belongs to a deleted topic of the same name.
  const passed = committed !== undefined && committed > next && committed <= end ? committed : next;
  const from = passed < start ? start : passed;
  return from < end ? end - from : 0n;
}

/**
 * Returns whether the committed offset is valid. The table is the sink's checkpoint: the sink fills
 * a missing or emptied table from the beginning. A table without rows was not emptied if the commit
 * is about this table and does not record a row.
 */
export function isCommitValid(commit: CommittedOffset, scope: CommitScope, rows: bigint): boolean {
  if (rows > 0n) return true;
  const committed = committedRows(commit, scope);
  return committed !== undefined && committed.highest === undefined;
}
