import type { Connections } from '../../core/connections.ts';
import { ConfigError } from '../../core/errors.ts';
import { readRuns, type RunsRead } from './read-runs.ts';
import type { StreamRun } from './run-record.ts';
import { summaryOf, type RunSummary } from './run-summary.ts';

export const MAX_RUNS = 500;
const DEFAULT_RUNS = 50;

export interface RunPage {
  /** Newest first. */
  readonly runs: readonly RunSummary[];
  /** The cursor of older runs; undefined if there are none. */
  readonly next: string | undefined;
}

export interface RunDetail extends RunSummary {
  /** By name. */
  readonly streamRuns: readonly StreamRun[];
}

/**
 * Returns the runs of `produce`, newest first, from the topic of runs.
 * @param options.cursor the `next` of an earlier page.
 * @throws ConfigError for a wrong limit or cursor; errors of Kafka and the registry.
 */
export async function listRuns(
  services: Connections<'admin' | 'registry'>,
  { limit = DEFAULT_RUNS, cursor }: { readonly limit?: number; readonly cursor?: string } = {},
): Promise<RunPage> {
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_RUNS)
    throw new ConfigError(`the limit must be an integer from 1 to ${MAX_RUNS}; got ${limit}`);
  const before = cursor === undefined ? undefined : parseCursor(cursor);
  const listed = (read: RunsRead) =>
    completeRuns(read).filter((run) => before === undefined || isOlder(run, before));
  const read = await readRuns(services, {
    beforeMs: before?.recordedAtMs,
    isEnough: (part) => listed(part).length > limit,
  });
  const runs = listed(read).slice(0, limit);
  const last = runs.at(-1);
  const hasMore = read.isCut || listed(read).length > limit;
  return { runs, next: last !== undefined && hasMore ? `${last.recordedAtMs}.${last.run}` : undefined };
}

/** Returns one run with its streams; undefined if it is not among those that can be read. */
export async function getRun(
  services: Connections<'admin' | 'registry'>,
  id: string,
): Promise<RunDetail | undefined> {
  const { runs } = await readRuns(services, {
    isWanted: (run) => run === id,
    isEnough: (read) => completeRuns(read).length > 0,
  });
  const streams = runs.get(id);
  if (streams === undefined) return undefined;
  const streamRuns = [...streams.values()].sort((a, b) => (a.stream < b.stream ? -1 : 1));
  return { ...summaryOf(id, streamRuns), streamRuns };
}

/** Returns the runs of which every stream was read, newest first. */
function completeRuns({ runs, completeAfterMs }: RunsRead): RunSummary[] {
  return [...runs]
    .map(([run, streams]) => summaryOf(run, [...streams.values()]))
    .filter(({ recordedAtMs }) => recordedAtMs > completeAfterMs)
    .sort((a, b) => (isOlder(a, b) ? 1 : -1));
}

type RunPlace = Pick<RunSummary, 'run' | 'recordedAtMs'>;

function isOlder(a: RunPlace, b: RunPlace): boolean {
  return a.recordedAtMs === b.recordedAtMs ? a.run < b.run : a.recordedAtMs < b.recordedAtMs;
}

function parseCursor(text: string): RunPlace {
  const [, time, run] = /^(\d{1,16})\.(.{1,200})$/s.exec(text) ?? [];
  if (time === undefined || run === undefined)
    throw new ConfigError(`the cursor must be a time and a run; got "${text.slice(0, 80)}"`);
  return { recordedAtMs: Number(time), run };
}
