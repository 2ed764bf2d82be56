import type { KafkaAdmin } from '../../core/kafka/admin.ts';
import { sinkGroupOf } from '../../consumers/run/sink-group.ts';
import { readPartitionLogs } from '../../consumers/stream/partition-logs.ts';
import { resumeOffset } from '../../consumers/stream/resume-offset.ts';
import type { Settings } from '../../core/settings/config.ts';
import { isCommitValid, partitionLag } from './lag.ts';
import type { PartitionStatus, TopicStatus } from './stream-status.ts';
import type { TableFacts } from './table-facts.ts';

/** By topic and partition, what the sinks' group has committed. */
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

/** How far the sink is: what its table holds, and what the group says beyond that. */
export interface SinkFacts {
  /** Null where there is no table. */
  readonly table: TableFacts | null;
  readonly committed: ReadonlyMap<number, bigint> | undefined;
}

/**
 * The partitions of a topic as they are now. By the sink's own rule for where to go on, so that a topic which was deleted and made again is not
 * taken for one that was sunk.
 *
 * @param sink read before, so that no row is of a message that the topic did not have; undefined where it could not be asked.
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

/** Undefined where that of a partition is not known. */
export function lagOf({ partitions }: TopicStatus): bigint | undefined {
  let sum = 0n;
  for (const { lag } of partitions) {
    if (lag === undefined) return undefined;
    sum += lag;
  }
  return sum;
}
