import { setTimeout as delay } from 'node:timers/promises';
import { withConnections } from '../../../core/connections.ts';
import { EtlError, messageOf } from '../../../core/errors.ts';
import type { KafkaAdmin } from '../../../core/kafka/admin.ts';
import { logger } from '../../../core/logger.ts';
import type { Settings } from '../../../core/settings/config.ts';
import { isLagByCommits, readPositions, type Position } from '../../../operations/status/positions.ts';
import { StatusSampler } from '../../../operations/status/status-sampler.ts';
import type { Status } from '../../../operations/status/stream-status.ts';
import type { Overview } from '../../api/overview.ts';
import type { Rates } from '../../api/rates.ts';
import { overviewOf } from './overview.ts';
import { RateHistory } from './rate-history.ts';

/** The pause between two reads of the status. */
const STATUS_PAUSE_MS = 5_000;
/** The pause between two reads of the offsets, while messages flow and while none do. */
const BUSY_PAUSE_MS = 1_000;
const QUIET_PAUSE_MS = 3_000;
/** The time after the last message for which the shorter pause applies. */
const BUSY_MS = 15_000;

/** A stream is stale if its last run is older, as in `npm run status -- --check`. */
const MAX_AGE_MS = 86_400_000;

/**
 * Longer than a status read and the pause after it, even if Kafka or ClickHouse is slow.
 */
const MAX_STATUS_AGE_MS = 30_000;

/** The history covers ten minutes. */
const BUCKET_MS = 5_000;
const MAX_BUCKETS = 120;

export type Publish = (event: string, data: unknown) => void;

/** Reads the status and the offsets repeatedly, once for all clients. */
export class LiveStatus {
  readonly #settings: Settings;
  readonly #signal: AbortSignal;
  readonly #publish: Publish;
  readonly #sampler: StatusSampler;
  readonly #history = new RateHistory(BUCKET_MS, MAX_BUCKETS);
  #status: Status | undefined;
  #reading: Promise<Status> | undefined;
  #overview: Overview | undefined;
  #streams: readonly string[] = [];
  #positions: ReadonlyMap<string, Position> = new Map();
  /** Streams whose lag can be computed from the offsets alone. */
  #byCommits: ReadonlySet<string> = new Set();

  /** @param signal ends a read that several callers may share. */
  constructor(settings: Settings, signal: AbortSignal, publish: Publish) {
    this.#settings = settings;
    this.#signal = signal;
    this.#publish = publish;
    this.#sampler = new StatusSampler(settings, undefined, MAX_AGE_MS);
  }

  /** The latest status; undefined if there is none or it is old. */
  get latest(): Status | undefined {
    const isOld = this.#status === undefined || Date.now() - this.#status.atMs > MAX_STATUS_AGE_MS;
    return isOld ? undefined : this.#status;
  }

  /** The latest status as the overview shows it; undefined if there is none or it is old. */
  get latestOverview(): Overview | undefined {
    return this.latest === undefined ? undefined : this.#overview;
  }

  /**
   * Reads the status, and publishes it. Callers share a read that is running.
   * @throws the errors of `StatusSampler.sample`.
   */
  read(): Promise<Status> {
    this.#reading ??= this.#read().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  /** Returns the events that a new client receives immediately. */
  greeting(): readonly (readonly [event: string, data: unknown])[] {
    const history = ['history', this.#history.history(performance.now())] as const;
    const overview = this.latestOverview;
    return overview === undefined ? [history] : [history, ['status', overview]];
  }

  /** Publishes until the signal aborts. Retries a service that is unavailable. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([
      repeat(STATUS_PAUSE_MS, signal, () => this.read()),
      repeat(STATUS_PAUSE_MS, signal, () => this.#publishRates(signal)),
    ]);
  }

  async #read(): Promise<Status> {
    const before = this.#positions;
    const { status } = await this.#sampler.sample(this.#signal);
    this.#streams = status.streams.flatMap(({ stream, topic }) => (topic ? [stream] : []));
    const isByCommits = (stream: (typeof status.streams)[number]) => {
      const position = before.get(stream.stream);
      return position !== undefined && isLagByCommits(stream, position);
    };
    this.#byCommits = new Set(status.streams.filter(isByCommits).map(({ stream }) => stream));
    this.#status = status;
    this.#overview = overviewOf(status);
    this.#publish('status', this.#overview);
    return status;
  }

  async #publishRates(signal: AbortSignal): Promise<void> {
    const needs = ['admin'] as const;
    await withConnections(this.#settings, { name: 'show', needs }, signal, async ({ admin }) => {
      let lastMs = performance.now();
      let movedMs = -Infinity;
      for (;;) {
        const nowMs = performance.now();
        const rates = await this.#ratesSince(lastMs, nowMs, admin);
        if (Object.keys(rates.streams).length > 0) movedMs = nowMs;
        lastMs = nowMs;
        this.#publish('rates', rates);
        await delay(nowMs - movedMs < BUSY_MS ? BUSY_PAUSE_MS : QUIET_PAUSE_MS, undefined, { signal });
      }
    });
  }

  async #ratesSince(lastMs: number, nowMs: number, admin: KafkaAdmin): Promise<Rates> {
    this.#positions = await readPositions(admin, this.#settings, this.#streams);
    const { moved, ended, isReset } = this.#history.add(this.#positions, nowMs);
    if (isReset) this.#publish('history', this.#history.history(nowMs));
    for (const bucket of ended) this.#publish('bucket', bucket);
    const seconds = Math.max(0.001, (nowMs - lastMs) / 1000);
    const streams = [...moved].map(([stream, { produced, sunk }]) => {
      const lag = this.#byCommits.has(stream) ? this.#positions.get(stream)?.lag : undefined;
      const rate = { produced: produced / seconds, sunk: sunk / seconds };
      return [stream, lag === undefined ? rate : { ...rate, lag: Number(lag) }] as const;
    });
    return { atMs: Date.now(), streams: Object.fromEntries(streams) };
  }
}

/** A function, because TypeScript would not see that the value changes during an await. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

/** Repeats the work until the signal aborts. Ignores EtlErrors: the status reports them. */
async function repeat(pauseMs: number, signal: AbortSignal, work: () => Promise<unknown>): Promise<void> {
  while (!isAborted(signal)) {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof EtlError) && !isAborted(signal))
        logger.error({ reason: messageOf(error) }, 'dashboard poller failed');
    }
    await delay(pauseMs, undefined, { signal }).catch(() => undefined);
  }
}
