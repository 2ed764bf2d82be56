import type { Settings } from '../../core/settings/config.ts';
import { gatherStatus } from './gather-status.ts';
import { Journals } from './journals.ts';
import { ratesBetween, type StreamRates } from './rates.ts';
import { TableCache } from './table-cache.ts';
import type { Status } from './stream-status.ts';

export interface StatusSample {
  readonly status: Status;
  /** The rates of each stream since the previous sample; empty in the first one. */
  readonly rates: ReadonlyMap<string, StreamRates>;
}

/** Longer than a sink takes to process one batch. */
const STALL_MS = 4_000;

/**
 * Gathers the status repeatedly, for `status --watch` and the dashboard. Reads each message of the
 * topics of runs, checkpoints and dead letters only once. Retries a service that was unavailable.
 */
export class StatusSampler {
  readonly #settings: Settings;
  readonly #streams: readonly string[] | undefined;
  readonly #maxAgeMs: number;
  readonly #journals: Journals;
  readonly #cache = new TableCache();
  /** Oldest first. The first one is the newest that is old enough to detect a stall. */
  #earlier: readonly Status[] = [];

  constructor(settings: Settings, streams: readonly string[] | undefined, maxAgeMs: number) {
    this.#settings = settings;
    this.#streams = streams;
    this.#maxAgeMs = maxAgeMs;
    this.#journals = new Journals(settings.topicPrefix);
  }

  /**
   * Takes a sample. Streams with lag that have not moved since a sample at least four seconds ago
   * count as stalled. Calls must not overlap.
   * @throws the errors of `gatherStatus`.
   */
  async sample(signal: AbortSignal): Promise<StatusSample> {
    const before = this.#earlier.at(-1);
    const limitMs = Date.now() - STALL_MS;
    const oldEnough = this.#earlier.findLastIndex(({ atMs }) => atMs <= limitMs);
    const status = await gatherStatus(this.#settings, this.#streams, signal, {
      maxAgeMs: this.#maxAgeMs,
      journals: this.#journals,
      cache: this.#cache,
      earlier: this.#earlier[oldEnough],
    });
    this.#earlier = [...this.#earlier.slice(Math.max(0, oldEnough)), status];
    return { status, rates: before === undefined ? new Map() : ratesBetween(before, status) };
  }
}
