import type { PartitionStatus } from './stream-status.ts';

/**
 * What a sink has still to pass of one partition.
 *
 * @param next where a sink would go on by the table's rows: see `resumeOffset`.
 * @param committed what the sinks' group has committed; undefined for nothing, or nothing that is believed. Further than the rows
 *   where the last messages are no rows: dead letters, and the mark that each transaction ends with.
 */
export function partitionLag(
  { start, end }: Pick<PartitionStatus, 'start' | 'end'>,
  next: bigint,
  committed: bigint | undefined,
): bigint {
  // One beyond the end is of a topic that had this name before.
  const passed = committed !== undefined && committed > next && committed <= end ? committed : next;
  const from = passed < start ? start : passed;
  return from < end ? end - from : 0n;
}

/**
 * Whether what the group has committed says anything. The table is the sink's checkpoint: one that is missing or was emptied is filled from
 * the beginning, dead letters or not.
 */
export function isCommitBelieved(rows: bigint | undefined): boolean {
  return rows !== undefined && rows > 0n;
}
