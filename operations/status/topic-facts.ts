import type { CommittedOffset, KafkaAdmin } from '../../core/kafka/admin.ts';
import { readPartitionLogs } from '../../consumers/stream/partition-logs.ts';
import { resumeOffset } from '../../consumers/stream/resume-offset.ts';
import { isCommitValid, partitionLag } from './lag.ts';
import type { PartitionStatus, TopicStatus } from './stream-status.ts';
import type { TableFacts } from './table-facts.ts';

/** The progress of the sink: what its table holds, and the commits of its group. */
interface SinkFacts {
  /** Null without a table. */
  readonly table: TableFacts | null;
  readonly committed: ReadonlyMap<number, CommittedOffset> | undefined;
}

/**
 * Returns the partitions of a topic as they are now. Computes the lag by the sink's own rule for
 * the resume offset, so rows of a deleted topic do not count for a recreated one.
 *
 * @param sink read earlier, so that the topic holds the message of every row; undefined if a
 * service did not answer.
 */
export async function readTopicStatus(
  admin: KafkaAdmin,
  name: string,
  sink: SinkFacts | undefined,
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
    partitions.push({ partition, start, end, lag });
  }
  return { name, partitions: partitions.sort((a, b) => a.partition - b.partition) };
}

/** Returns undefined if the lag of a partition is unknown. */
export function lagOf({ partitions }: TopicStatus): bigint | undefined {
  return partitions.reduce<bigint | undefined>(
    (sum, { lag }) => (sum === undefined || lag === undefined ? undefined : sum + lag),
    0n,
  );
}
