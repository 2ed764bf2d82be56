import { attentionOf } from '../../../operations/status/attention.ts';
import type { Status, StreamStatus } from '../../../operations/status/stream-status.ts';
import { messagesOf } from '../../../operations/status/stream-status.ts';
import type { Overview, RunTotals, StreamLine } from '../../api/overview.ts';
import { problemLines } from './problem-lines.ts';

/** Returns the status as the overview shows it. */
export function overviewOf(status: Status): Overview {
  return {
    atMs: status.atMs,
    streams: status.streams.map(lineOf),
    attention: problemLines(attentionOf(status)),
    lastRun: runTotals(status),
  };
}

function lineOf(status: StreamStatus): StreamLine {
  const { stream, topic, lag, table, deadLetters, lastRun, checkpoint, problems } = status;
  return {
    stream,
    messages: topic && numberOf(messagesOf(topic)),
    lag: numberOf(lag),
    rows: table && numberOf(table.rows),
    deadLetters,
    lastRun: lastRun && streamRun(lastRun),
    isUnfinished: checkpoint?.isComplete === false,
    hasProblem: problems.length > 0,
  };
}

/** Offsets and counts are far below 2^53. */
function numberOf<T extends bigint | null | undefined>(value: T) {
  return (typeof value === 'bigint' ? Number(value) : value) as T extends bigint ? number : T;
}

function streamRun({ run, outcome, finishedAtMs, counts }: NonNullable<StreamStatus['lastRun']>) {
  const { new: added = 0, changed = 0, deleted = 0 } = counts ?? {};
  return { run, outcome, finishedAtMs, new: added, changed, deleted };
}

/** Returns the totals of the newest run; null if there was none, undefined if that is unknown. */
function runTotals({ streams, failures }: Status): RunTotals | null | undefined {
  const runs = streams.flatMap(({ lastRun }) => lastRun ?? []);
  if (runs.length === 0) return failures.length > 0 ? undefined : null;
  const { run } = runs.reduce((newest, other) => (other.finishedAtMs > newest.finishedAtMs ? other : newest));
  const own = runs.filter((other) => other.run === run);
  const sum = (name: 'requests' | 'retries' | 'rateLimited') =>
    own.reduce((total, { counts }) => total + (counts?.[name] ?? 0), 0);
  // The streams of a run are read at the same time.
  const seconds = Math.max(...own.map(({ counts }) => counts?.seconds ?? 0));
  return {
    run,
    finishedAtMs: Math.max(...own.map(({ finishedAtMs }) => finishedAtMs)),
    streams: own.length,
    requests: sum('requests'),
    requestsPerSecond: seconds > 0 ? sum('requests') / seconds : 0,
    retries: sum('retries'),
    rateLimited: sum('rateLimited'),
  };
}
