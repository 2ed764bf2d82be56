import { withConnections, type Connections } from '../../core/connections.ts';
import type { Settings } from '../../core/settings/config.ts';
import { topicOf } from '../../core/stream-name.ts';
import { RUNS } from '../../producers/publish/send-run.ts';
import { readRuns, type RunsRead, type TopicPlace } from './read-runs.ts';
import type { StreamRun } from './run-record.ts';
import {
  completeRuns,
  detailOf,
  getRun,
  listRuns,
  MAX_RUNS,
  olderRuns,
  pageFrom,
  placeOf,
  type PageOptions,
  type RunDetail,
  type RunPage,
} from './runs.ts';

/** About 20 MB: 800 runs of 25 streams. */
const MAX_WEIGHT = 20_000;
/** The number of characters that weigh as much as a record without text. */
const TEXT_OF_ONE = 500;

const services = { name: 'runs', needs: ['registry', 'admin'] } as const;
const nothing: RunsRead = { runs: new Map(), completeAfterMs: -Infinity };

/**
 * The newest runs, for many readers. Each read continues at the end of the previous one. Keeps a
 * limited number of runs in memory. Older ones are read from the topic.
 */
export class RunHistory {
  readonly #settings: Settings;
  readonly #signal: AbortSignal;
  readonly #maxWeight: number;
  #kept = nothing;
  #place: TopicPlace | undefined;
  #reading: Promise<void> | undefined;

  /** @param signal ends the reads that readers share. */
  constructor(settings: Settings, signal: AbortSignal, maxWeight = MAX_WEIGHT) {
    this.#settings = settings;
    this.#signal = signal;
    this.#maxWeight = maxWeight;
  }

  /** Returns a page of runs, newest first. @throws the errors of {@link listRuns}. */
  async list(options: PageOptions, signal: AbortSignal): Promise<RunPage> {
    const place = placeOf(options);
    await this.#update();
    const isAll = this.#kept.completeAfterMs === -Infinity;
    if (isAll || olderRuns(this.#kept, place).length > place.limit) return pageFrom(this.#kept, place, false);
    return withConnections(this.#settings, services, signal, (connections) => listRuns(connections, options));
  }

  /**
   * Returns one run with its streams; undefined if it does not exist.
   * @throws the errors of {@link getRun}.
   */
  async get(id: string, signal: AbortSignal): Promise<RunDetail | undefined> {
    await this.#update();
    const { runs, completeAfterMs } = this.#kept;
    const streams = runs.get(id);
    if (streams !== undefined) {
      const detail = detailOf(id, streams);
      if (detail.recordedAtMs > completeAfterMs) return detail;
    } else if (completeAfterMs === -Infinity) return undefined;
    return withConnections(this.#settings, services, signal, (connections) => getRun(connections, id));
  }

  /** Reads the new runs. Readers that arrive during a read share it. */
  #update(): Promise<void> {
    this.#reading ??= withConnections(this.#settings, services, this.#signal, (connections) =>
      this.#read(connections),
    ).finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  async #read(connections: Connections<'admin' | 'registry'>): Promise<void> {
    const topic = topicOf(this.#settings.topicPrefix, RUNS);
    const { id = 0n, partitions = [] } = (await connections.admin.topicOffsets(topic)) ?? {};
    const before = this.#place;
    const ends = new Map(partitions.map(({ partition, end }) => [partition, end]));
    const isSame =
      before?.topicId === id && [...before.next].every(([at, next]) => next <= (ends.get(at) ?? 0n));
    if (isSame && [...ends].every(([at, end]) => before.next.get(at) === end)) return;
    const { place, isCut, ...read } = await readRuns(connections, {
      from: isSame ? before.next : undefined,
      isEnough: (part) =>
        !isSame && (completeRuns(part).length > MAX_RUNS || weightOf(part) >= this.#maxWeight),
    });
    // Without some of the new messages, the kept runs would have a gap.
    const kept = isSame && !isCut ? merged(this.#kept, read) : read;
    this.#kept = limited(kept, this.#maxWeight);
    this.#place = place;
  }
}

/**
 * Merges earlier runs with later ones. If both have a record of the same stream and run, the later
 * one counts.
 */
function merged({ runs, completeAfterMs }: RunsRead, later: RunsRead): RunsRead {
  const all = new Map(runs);
  for (const [run, streams] of later.runs) all.set(run, new Map([...(all.get(run) ?? []), ...streams]));
  return { runs: all, completeAfterMs };
}

/** Drops the oldest runs beyond the limit. */
function limited(read: RunsRead, maxWeight: number): RunsRead {
  if (weightOf(read) <= maxWeight) return read;
  const runs = new Map<string, ReadonlyMap<string, StreamRun>>();
  let weight = 0;
  for (const { run, recordedAtMs } of completeRuns(read)) {
    const streams = read.runs.get(run) ?? new Map<string, StreamRun>();
    weight += weightOfStreams(streams);
    if (weight > maxWeight) return { runs, completeAfterMs: recordedAtMs };
    runs.set(run, streams);
  }
  return { runs, completeAfterMs: read.completeAfterMs };
}

function weightOf({ runs }: RunsRead): number {
  return [...runs.values()].reduce((sum, streams) => sum + weightOfStreams(streams), 0);
}

function weightOfStreams(streams: ReadonlyMap<string, StreamRun>): number {
  return [...streams.values()].reduce((sum, { failure, absence, newFields }) => {
    const fields = newFields.reduce((length, field) => length + field.length, 0);
    return sum + 1 + ((failure?.length ?? 0) + (absence?.length ?? 0) + fields) / TEXT_OF_ONE;
  }, 0);
}
