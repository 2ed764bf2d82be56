import { setTimeout as delay } from 'node:timers/promises';
import { logger } from '../../core/logger.ts';
import type { StorageTable } from '../../consumers/table/storage-table.ts';
import { sinkGroupOf } from '../../consumers/run/sink-group.ts';
import { readPartitionLogs } from '../../consumers/stream/partition-logs.ts';
import { lostSpan } from '../../consumers/stream/commit-metadata.ts';
import { resumeOffset, type PartitionLog } from '../../consumers/stream/resume-offset.ts';
import type { TableRows } from '../../consumers/table/partition-rows.ts';
import type { Connections } from '../../core/connections.ts';

const ASK_MS = 300;
/** The wait is logged only after this many rounds. */
const SAID_AFTER = 5;
/** The wait ends if the sink makes no progress for this long. */
const MAX_STILL_MS = 10_000;
/** The limit after a first wait in vain: a killed sink stays in the group for some time. */
const MAX_STILL_AGAIN_MS = 2_500;

/** By partition, the offset at which the next sink resumes. */
export type Standing = ReadonlyMap<number, bigint>;

/** How long to wait for a sink without progress, over all streams of one run. */
export class Patience {
  #stillMs = MAX_STILL_MS;

  get stillMs(): number {
    return this.#stillMs;
  }

  lose(): void {
    this.#stillMs = MAX_STILL_AGAIN_MS;
  }
}

/**
 * Waits until a running sink has stored the topic up to the given ends, while it makes progress.
 *
 * @returns where the sink resumes: after the table's last rows, or after later rows that merges
 * removed. If the table lost those rows otherwise, their keys differ.
 */
export async function awaitSink(
  services: Connections,
  topic: string,
  table: Pick<StorageTable, 'partitionRows' | 'identity'>,
  ends: ReadonlyMap<number, PartitionLog>,
  patience: Patience,
): Promise<Standing> {
  const { admin, settings, signal } = services;
  const groupId = sinkGroupOf(settings);
  let last = -1n;
  let movedMs = performance.now();
  for (let round = 0; ; round++) {
    // Read commits before rows: the sink commits an offset only after it has stored its rows.
    const committed = (await admin.committedOffsets(groupId, [topic])).get(topic);
    const rows = await table.partitionRows();
    const standing = new Map(await standingOf(services, topic, () => Promise.resolve(rows)));
    let sum = 0n;
    let isReached = true;
    for (const [partition, { topicId, start, end }] of ends) {
      const stored = standing.get(partition) ?? 0n;
      const commit = committed?.get(partition) ?? { offset: 0n, metadata: '' };
      const owner = { topicId, table: table.identity };
      const span = lostSpan(commit, owner, { next: stored, end: commit.offset });
      if (span !== undefined && rows.length > 0) standing.set(partition, span.to);
      const reached = commit.offset;
      // Only committed offsets cover markers and rejected messages after the last row.
      const at = reached > stored ? reached : stored;
      sum += at;
      if (at < end && start < end) isReached = false;
    }
    if (sum !== last) movedMs = performance.now();
    last = sum;
    if (isReached || !(await admin.isConsumed(groupId, topic))) return standing;
    if (performance.now() - movedMs > patience.stillMs) {
      patience.lose();
      logger.warn({ topic }, 'the sink gets no further: what is not in yet counts as behind');
      return standing;
    }
    if (round === SAID_AFTER) logger.info({ topic }, 'waiting for the sink that has the topic');
    await delay(ASK_MS, undefined, { signal });
  }
}

/** Returns the offsets at which the next sink resumes, by the rows of the table. */
export async function standingOf(
  services: Connections,
  topic: string,
  rowsOf: () => Promise<TableRows>,
): Promise<Standing> {
  // Read rows before the logs, so that later messages are within the log.
  const rows = await rowsOf();
  const logs = await readPartitionLogs(services.admin, topic);
  const standing = new Map<number, bigint>();
  for (const [partition, log] of logs) standing.set(partition, await resumeOffset(rows, partition, log));
  return standing;
}
