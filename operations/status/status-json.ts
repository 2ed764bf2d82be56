import type { Settings } from '../../core/settings/config.ts';
import { messagesOf, type Status, type StreamStatus } from './stream-status.ts';

/**
 * The status for programs: one JSON object, times in ISO 8601. As in {@link StreamStatus}, null stands for what is not there; what could not be
 * asked is left out.
 */
export function statusJson(status: Status, { topicPrefix, clickhouse }: Settings): string {
  const { atMs, streams, warnings, failures } = status;
  return JSON.stringify(
    {
      at: isoTime(atMs),
      topicPrefix,
      database: clickhouse.database,
      streams: streams.map(streamJson),
      warnings,
      failures,
    },
    // Offsets and counts of rows are far from 2^53.
    (_, value: unknown) => (typeof value === 'bigint' ? Number(value) : value),
    2,
  );
}

function streamJson(status: StreamStatus) {
  const { stream, topic, table, lag, lastRun, checkpoint, deadLetters, problems } = status;
  return {
    stream,
    topic: topic && { name: topic.name, messages: messagesOf(topic), partitions: topic.partitions },
    lag,
    table,
    lastRun: lastRun && {
      run: lastRun.run,
      outcome: lastRun.outcome,
      finishedAt: isoTime(lastRun.finishedAtMs),
      failure: lastRun.failure ?? null,
      ...(lastRun.absence !== undefined && { absence: lastRun.absence }),
    },
    checkpoint: checkpoint && {
      run: checkpoint.run,
      startedAt: isoTime(checkpoint.startedAtMs),
      isComplete: checkpoint.isComplete,
      pages: checkpoint.pages,
      records: checkpoint.records,
    },
    deadLetters,
    problems,
  };
}

/** Null for a time that no calendar has: it is what a message says. */
function isoTime(ms: number): string | null {
  const time = new Date(ms);
  return Number.isNaN(time.getTime()) ? null : time.toISOString();
}
