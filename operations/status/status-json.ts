import type { Settings } from '../../core/settings/config.ts';
import { attentionOf } from './attention.ts';
import { problemText } from './problem.ts';
import { messagesOf, type Status, type StreamStatus } from './stream-status.ts';

/**
 * Returns a JSON object. As in {@link StreamStatus}, null means absent. Omits unknown values.
 * `attention` contains all failures, problems and warnings, the most urgent first.
 */
export function statusJson(status: Status, { topicPrefix, clickhouse }: Settings): string {
  const { atMs, streams, warnings, failures } = status;
  const head = { at: isoTime(atMs), topicPrefix, database: clickhouse.database };
  // Offsets and row counts are far below 2^53.
  const toNumber = (_: string, value: unknown) => (typeof value === 'bigint' ? Number(value) : value);
  const body = {
    ...head,
    streams: streams.map(streamJson),
    warnings: warnings.map(({ about, message }) => ({ about, message })),
    failures,
    attention: attentionOf(status),
  };
  return JSON.stringify(body, toNumber, 2);
}

function streamJson(status: StreamStatus) {
  const { stream, topic, table, history, lag, lastRun, checkpoint, deadLetters, problems } = status;
  return {
    stream,
    topic: topic && { name: topic.name, messages: messagesOf(topic), partitions: topic.partitions },
    lag,
    table,
    ...(history && { history }),
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
    problems: problems.map(problemText),
  };
}

/** Returns null for a time that `Date` cannot represent, which a message may contain. */
function isoTime(ms: number): string | null {
  const time = new Date(ms);
  return Number.isNaN(time.getTime()) ? null : time.toISOString();
}
