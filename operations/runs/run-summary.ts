import { MassDeleteError } from '../../core/errors.ts';
import { outcomes, type Outcome, type RunCounts, type StreamRun } from './run-record.ts';

/** The summary of one run of `produce`. */
export interface RunSummary {
  readonly run: string;
  /** The worst outcome of its streams, in this order: failed, stopped, done, absent. */
  readonly outcome: Outcome;
  /** The time at which Kafka received the first record of the run. */
  readonly recordedAtMs: number;
  readonly startedAtMs: number | null;
  readonly finishedAtMs: number | null;
  /** Seconds from the start of the first stream to the end of the last. */
  readonly seconds: number;
  /** Number of streams in the run. */
  readonly streams: number;
  /** Names of the streams that failed. */
  readonly failed: readonly string[];
  /** Names of the streams whose deletes were stopped, because there were implausibly many. */
  readonly massDeletes: readonly string[];
  readonly newFields: number;
  readonly counts: RunCounts;
}

/** Returns the summary of a run. @param streamRuns at least one. */
export function summaryOf(run: string, streamRuns: readonly StreamRun[]): RunSummary {
  const times = (of: (streamRun: StreamRun) => number | null) => streamRuns.flatMap((each) => of(each) ?? []);
  const startedAtMs = lowest(times((each) => each.startedAtMs));
  const finishedAtMs = highest(times((each) => each.finishedAtMs));
  return {
    run,
    outcome: worstOf(streamRuns),
    recordedAtMs: lowest(times((each) => each.recordedAtMs)) ?? 0,
    startedAtMs,
    finishedAtMs,
    seconds: startedAtMs === null || finishedAtMs === null ? 0 : (finishedAtMs - startedAtMs) / 1000,
    streams: streamRuns.length,
    failed: streamRuns.filter(({ outcome }) => outcome === 'failed').map(({ stream }) => stream),
    massDeletes: streamRuns.filter(isMassDelete).map(({ stream }) => stream),
    newFields: streamRuns.reduce((sum, { newFields }) => sum + newFields.length, 0),
    counts: sumOf(streamRuns.map(({ counts }) => counts)),
  };
}

export function isMassDelete({ failureCode }: StreamRun): boolean {
  return failureCode === MassDeleteError.code;
}

const severity = ['failed', 'stopped', 'done', 'absent'] as const satisfies readonly Outcome[];

function worstOf(streamRuns: readonly StreamRun[]): Outcome {
  return severity.find((outcome) => streamRuns.some((each) => each.outcome === outcome)) ?? outcomes[0];
}

function sumOf(all: readonly RunCounts[]): RunCounts {
  const sums = new Map<string, number>();
  for (const counts of all)
    for (const [name, count] of Object.entries(counts)) sums.set(name, (sums.get(name) ?? 0) + count);
  return Object.fromEntries(sums) as unknown as RunCounts;
}

function lowest(values: readonly number[]): number | null {
  return values.length === 0 ? null : Math.min(...values);
}

function highest(values: readonly number[]): number | null {
  return values.length === 0 ? null : Math.max(...values);
}
