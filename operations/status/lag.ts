import type { CommittedOffset } from '../../core/kafka/admin.ts';
import { committedRows, type CommitScope } from '../../consumers/stream/commit-metadata.ts';
import type { PartitionStatus } from './stream-status.ts';

/**
 * Returns the number of messages of one partition that a sink has not passed.
 *
 * @param next the resume offset by the table's rows: see `resumeOffset`.
 * @param committed the committed offset of the sinks' group; undefined without a valid one. It is
 * beyond the rows if the last messages have none: dead letters, and the marker that ends each
 * transaction.
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
 * Whether the committed offset is valid. The table is the sink's checkpoint: the sink fills a
 * missing or emptied table from the beginning. A table without rows was not emptied if the commit
 * is about this table and records no row.
 */
export function isCommitValid(commit: CommittedOffset, scope: CommitScope, rows: bigint): boolean {
  if (rows > 0n) return true;
  const committed = committedRows(commit, scope);
  return committed !== undefined && committed.highest === undefined;
}
