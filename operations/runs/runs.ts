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
  /** The cursor for older runs; undefined if there are none. */
  readonly next: string | undefined;
}

export interface RunDetail extends RunSummary {
  /** The runs of the streams, sorted by name. */
  readonly streamRuns: readonly StreamRun[];
}

export interface PageOptions {
  readonly limit?: number;
  /** The `next` of an earlier page. */
  readonly cursor?: string;
}

/**
 * Returns the runs of `produce`, newest first, from the topic `runs`.
 * @throws ConfigError for a wrong limit or cursor; errors of Kafka and the registry.
 */
export async function listRuns(
  services: Connections<'admin' | 'registry'>,
  options: PageOptions = {},
): Promise<RunPage> {
  const place = placeOf(options);
  const read = await readRuns(services, {
    beforeMs: place.before?.recordedAtMs,
    isEnough: (part) => olderRuns(part, place).length > place.limit,
  });
  return pageFrom(read, place, read.isCut);
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
  return streams && detailOf(id, streams);
}

export function detailOf(id: string, streams: ReadonlyMap<string, StreamRun>): RunDetail {
  const streamRuns = [...streams.values()].sort((a, b) => (a.stream < b.stream ? -1 : 1));
  return { ...summaryOf(id, streamRuns), streamRuns };
}

/** The requested page. */
interface PagePlace {
  readonly limit: number;
  /** Returns only runs that are older than this one. */
  readonly before: RunPlace | undefined;
}

/** @throws ConfigError */
export function placeOf({ limit = DEFAULT_RUNS, cursor }: PageOptions): PagePlace {
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_RUNS)
    throw new ConfigError(`the limit must be an integer from 1 to ${MAX_RUNS}; got ${limit}`);
  return { limit, before: cursor === undefined ? undefined : parseCursor(cursor) };
}

/**
 * Returns a page of the runs that were read.
 * @param isMore whether there are older runs that were not read.
 */
export function pageFrom(read: RunsRead, place: PagePlace, isMore: boolean): RunPage {
  const found = olderRuns(read, place);
  const runs = found.slice(0, place.limit);
  const last = runs.at(-1);
  const hasMore = isMore || found.length > place.limit;
  return { runs, next: last !== undefined && hasMore ? `${last.recordedAtMs}.${last.run}` : undefined };
}

/** Returns the runs of the page and of later pages, as far as they were read. */
export function olderRuns(read: RunsRead, { before }: PagePlace): RunSummary[] {
  return completeRuns(read).filter((run) => before === undefined || isOlder(run, before));
}

/** Returns the runs whose streams were all read, newest first. */
export function completeRuns({ runs, completeAfterMs }: RunsRead): RunSummary[] {
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
