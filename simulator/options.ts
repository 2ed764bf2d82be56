import { day } from './data/instant.ts';
import type { WorldOptions } from './data/world.ts';

export interface SimulatorOptions extends WorldOptions {
  /** The only accepted key; undefined accepts any. */
  readonly apiKey: string | undefined;
  /** Number of requests per second above which a request gets a 429; 0 for no limit. */
  readonly rateLimit: number;
  /** Seconds in the header `Retry-After` of a 429; undefined omits the header. */
  readonly retryAfter: number | undefined;
  /** Number of concurrent requests above which a request gets a 503; 0 for no limit. */
  readonly connectionLimit: number;
  /** Delay before every response, in milliseconds. */
  readonly latency: number;
  /** Share of requests that fail, each in one of eight ways. */
  readonly faults: number;
  /**
   * `faulty`: the cursor of `/activities` skips a row after each page, as observed in the real API.
   */
  readonly activitiesCursor: 'faulty' | 'sound';
  /**
   * Serves dltHub's addresses, paged by cursor or by number, in place of the real addresses that
   * differ.
   */
  readonly dltAddresses: 'cursor' | 'pages' | undefined;
  /** Number of polls after which an import is completed. */
  readonly importPolls: number;
  /** Whether an import is refused if another one with the same customer has not ended. */
  readonly importOverlaps: 'refused' | 'accepted';
  /** Share of customers whose records an import rejects. */
  readonly importFailures: number;
  /** Accepts `page=` instead of refusing it. */
  readonly allowPage: boolean;
  /**
   * Keeps every page that is requested with `per_page` in memory, so that serving it again costs
   * almost nothing.
   */
  readonly keepPages: boolean;
}

export const standardOptions: SimulatorOptions = {
  seed: 1,
  today: Date.UTC(2026, 9, 1),
  customers: 1000,
  revision: 0,
  changes: 0.05,
  deletes: 0.01,
  drift: false,
  floatMrr: true,
  apiKey: undefined,
  rateLimit: 40,
  retryAfter: undefined,
  connectionLimit: 20,
  latency: 0,
  faults: 0,
  activitiesCursor: 'faulty',
  dltAddresses: undefined,
  importPolls: 2,
  importOverlaps: 'refused',
  importFailures: 0,
  allowPage: false,
  keepPages: false,
};

/**
 * Returns midnight UTC on the last Monday, so that every run within a week serves the same
 * account.
 */
export function lastMonday(now: number): number {
  const midnight = now - (now % day);
  return midnight - ((new Date(midnight).getUTCDay() + 6) % 7) * day;
}
