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
/** So many rounds are not worth a word. */
const SAID_AFTER = 5;
/** A sink that gets no further for so long is not waited for. */
const MAX_STILL_MS = 10_000;
/** The same after one was waited for in vain: it may have been killed, and stands in the group for some time. */
const MAX_STILL_AGAIN_MS = 2_500;

/** By partition, the offset at which the next sink would go on. */
export type Standing = ReadonlyMap<number, bigint>;

/** How long a sink that gets no further is waited for, over all streams of one run. */
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
 * Waits until a sink that is running has sunk the topic up to the ends given, for as long as it gets further.
 *
 * @returns where the sink resumes: behind the table's last rows, or behind later rows that merges
 *   removed. If the table lost those rows otherwise, their keys differ.
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
    // Commits first: each comes after the rows that it tells of.
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
      // Behind the last row there may be marks of transactions and messages that were set aside: only the group tells.
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

/** Where the next sink would go on by what the table holds. */
export async function standingOf(
  services: Connections,
  topic: string,
  rowsOf: () => Promise<TableRows>,
): Promise<Standing> {
  // Rows first: what comes in meanwhile is then within the log.
  const rows = await rowsOf();
  const logs = await readPartitionLogs(services.admin, topic);
  const standing = new Map<number, bigint>();
  for (const [partition, log] of logs) standing.set(partition, await resumeOffset(rows, partition, log));
  return standing;
}
