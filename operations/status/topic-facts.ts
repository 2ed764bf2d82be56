import type { KafkaAdmin } from '../../core/kafka/admin.ts';
import { sinkGroupOf } from '../../consumers/run/sink-group.ts';
import { readPartitionLogs } from '../../consumers/stream/partition-logs.ts';
import { resumeOffset } from '../../consumers/stream/resume-offset.ts';
import type { Settings } from '../../core/settings/config.ts';
import { isCommitValid, partitionLag } from './lag.ts';
import type { PartitionStatus, TopicStatus } from './stream-status.ts';
import type { TableFacts } from './table-facts.ts';

/** By topic and partition, the committed offsets of the sinks' group. */
export type CommittedOffsets = ReadonlyMap<string, ReadonlyMap<number, bigint>>;

export async function readCommitted(
  admin: KafkaAdmin,
  settings: Settings,
  topics: readonly string[],
): Promise<CommittedOffsets> {
  const committed = await admin.committedOffsets(sinkGroupOf(settings), topics);
  return new Map(
    [...committed].map(([topic, partitions]) => [
      topic,
      new Map([...partitions].map(([partition, { offset }]) => [partition, offset])),
    ]),
  );
}

/** The progress of the sink: what its table holds, and the committed offsets beyond that. */
export interface SinkFacts {
  /** Null without a table. */
  readonly table: TableFacts | null;
  readonly committed: ReadonlyMap<number, bigint> | undefined;
}

/**
 * Returns the partitions of a topic as they are now. Computes the lag by the sink's own rule for
 * the resume offset, so rows of a deleted topic do not count for a recreated one.
 *
 * @param sink read earlier, so that the topic holds the message of every row; undefined if a
 * service did not answer.
 * @throws ServiceUnavailableError, ServiceRefusedError
 */
export async function readTopicStatus(
  admin: KafkaAdmin,
  name: string,
  sink: SinkFacts | undefined,
): Promise<TopicStatus> {
  const partitions: PartitionStatus[] = [];
  for (const [partition, log] of await readPartitionLogs(admin, name)) {
    const { start, end } = log;
    let lag: bigint | undefined;
    if (sink !== undefined) {
      const { table, committed } = sink;
      const next = await resumeOffset(table?.newest ?? [], partition, log);
      const isValid = isCommitValid(table?.rows);
      lag = partitionLag(log, next, isValid ? committed?.get(partition) : undefined);
    }
    partitions.push({ partition, start, end, lag });
  }
  return { name, partitions: partitions.sort((a, b) => a.partition - b.partition) };
}

/** Returns undefined if the lag of a partition is unknown. */
export function lagOf({ partitions }: TopicStatus): bigint | undefined {
  let sum = 0n;
  for (const { lag } of partitions) {
    if (lag === undefined) return undefined;
    sum += lag;
  }
  return sum;
}
