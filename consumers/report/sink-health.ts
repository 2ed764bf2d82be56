import { failedStreams, ProgressWatch, type Health } from '../../core/health.ts';
import type { SinkCounts } from './sink-counts.ts';

/** Every request has a shorter deadline, and each retry counts as progress. */
const STUCK_MS = 15 * 60_000;

interface SinkHealthOptions {
  readonly counts: readonly SinkCounts[];
  /** Returns whether this process is a member of the consumer group. */
  readonly isMember: () => boolean;
  /** Returns a service that streams wait for, if any. */
  readonly missingService: () => string | undefined;
  readonly nowMs?: () => number;
}

/**
 * Returns the health of a sink. It is ready if it is a member of the group, the services respond,
 * no stream has failed, and each has prepared its table and found its resume offsets. It is stuck
 * if it has messages to insert, but neither inserts nor retries.
 */
export function createSinkHealth(options: SinkHealthOptions): Health {
  const { counts, isMember, missingService, nowMs } = options;
  const watch = new ProgressWatch(nowMs);
  const stuck = () => {
    const stillMs = watch.stillMs(isMember() ? progressOf(counts) : undefined);
    if (stillMs < STUCK_MS) return undefined;
    return `messages are waiting, but nothing has been inserted or retried for ${Math.floor(stillMs / 60_000)} minutes`;
  };
  const unready = () => {
    const service = missingService();
    if (service !== undefined) return `${service} is unavailable`;
    if (!isMember()) return 'Kafka has not assigned partitions to this process';
    const failed = failedStreams(counts);
    if (failed !== undefined) return failed;
    for (const { stream, state } of counts) {
      if (state === 'learning') return `stream ${stream} is preparing its table`;
      if (state === 'positioning') return `stream ${stream} is looking up its offsets`;
    }
    return undefined;
  };
  return { stuck, unready };
}

/** Returns undefined if no messages are waiting. */
function progressOf(counts: readonly SinkCounts[]): string | undefined {
  const working = counts.filter(({ failure }) => failure === undefined);
  const isBehind = working.some(({ lag }) => [...lag.values()].some((messages) => messages > 0));
  if (!isBehind) return undefined;
  return working
    .map(({ rows, batches, retries, deadLetters, schemaChanges, buffered }) =>
      [rows, batches, retries, deadLetters, schemaChanges, buffered].join(' '),
    )
    .join();
}
