import { setTimeout as delay } from 'node:timers/promises';
import { logger } from '../../core/logger.ts';
import type { StorageTable } from '../../consumers/table/storage-table.ts';
import { sinkGroupOf } from '../../consumers/run/sink-group.ts';
import { readPartitionLogs } from '../../consumers/stream/partition-logs.ts';
import { lostSpan } from '../../consumers/stream/commit-metadata.ts';
import { resumeOffsetsOf, type PartitionLog } from '../../consumers/stream/resume-offset.ts';
import type { Connections } from '../../core/connections.ts';

const POLL_MS = 300;
const ROUNDS_BEFORE_LOG = 5;
/** The limit after the first timeout. The sink was probably killed, but is still in the group. */
const MAX_IDLE_AGAIN_MS = 2_500;

/** How long to wait for a sink that makes no progress. The streams of one run share this limit. */
export class Patience {
  maxIdleMs = 10_000;
}

/**
 * Waits while a running sink makes progress, until it has stored the topic up to the given ends.
 * @returns the offset at which the next sink resumes, by partition: after the table's last rows, or
 *   after later rows that merges removed. If the table has lost those rows in another way, the
 *   comparison reports their keys.
 */
export async function awaitSink(
  services: Connections,
  topic: string,
  table: Pick<StorageTable, 'partitionRows' | 'identity'>,
  ends: ReadonlyMap<number, PartitionLog>,
  patience: Patience,
): Promise<ReadonlyMap<number, bigint>> {
  const { admin, settings, signal } = services;
  const groupId = sinkGroupOf(settings);
  let last = -1n;
  let lastProgressMs = performance.now();
  for (let round = 0; ; round++) {
    // Read commits before rows: the sink commits an offset only after storing the rows before it.
    const committed = (await admin.committedOffsets(groupId, [topic])).get(topic);
    const rows = await table.partitionRows();
    // Read rows before the logs, so that the logs contain the message of every row.
    const resumeOffsets = await resumeOffsetsOf(rows, await readPartitionLogs(admin, topic));
    let sum = 0n;
    let hasReachedEnds = true;
    for (const [partition, { topicId, start, end }] of ends) {
      const stored = resumeOffsets.get(partition) ?? 0n;
      const commit = committed?.get(partition) ?? { offset: 0n, metadata: '' };
      const owner = { topicId, table: table.identity };
      const span = lostSpan(commit, owner, { next: stored, end: commit.offset });
      if (span !== undefined && rows.length > 0) resumeOffsets.set(partition, span.to);
      // Only committed offsets cover markers and rejected messages after the last row.
      const passed = commit.offset > stored ? commit.offset : stored;
      sum += passed;
      if (passed < end && start < end) hasReachedEnds = false;
    }
    if (sum !== last) lastProgressMs = performance.now();
    last = sum;
    if (hasReachedEnds || !(await admin.isConsumed(groupId, topic))) return resumeOffsets;
    if (performance.now() - lastProgressMs > patience.maxIdleMs) {
      patience.maxIdleMs = MAX_IDLE_AGAIN_MS;
      logger.warn(
        { topic },
        'the sink is making no progress: messages that it has not inserted are reported as behind',
      );
      return resumeOffsets;
    }
    if (round === ROUNDS_BEFORE_LOG) logger.info({ topic }, 'waiting for the sink to catch up');
    await delay(POLL_MS, undefined, { signal });
  }
}
