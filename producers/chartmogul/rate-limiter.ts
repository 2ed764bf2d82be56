import { setTimeout as delay } from 'node:timers/promises';
import { MAX_RETRY_AFTER_MS } from '../../core/retry.ts';

/** Requests that were in flight when the rate was lowered reveal nothing about the new rate. */
const LOWER_AT_MOST_EVERY_MS = 1_000;

/**
 * A refusal this long after the rate was last lowered counts as an accident: some requests were
 * delayed in transit. If the rate were far too high, the server would refuse within a second.
 */
const ACCIDENT_AFTER_MS = 3_000;
const ACCIDENT_FACTOR = 0.95;

/** More than a second, because requests may arrive closer together than they were sent. */
const WINDOW_MS = 1_010;

const SLOWEST_PER_SECOND = 1;

/** Increase in requests/s per second: fast until close to the last refused rate, then slow. */
const FAST_RISE = 8;
const CAREFUL_RISE = 0.5;
const CAREFUL_FROM = 0.9;

/**
 * Spaces callers evenly: no second has more than one caller above the maximum rate, however the
 * server aligns its seconds. A refusal (429, 503) lowers the rate slightly, or halves it if the
 * rate was lowered shortly before. Accepted requests then raise the rate to the maximum again. All
 * streams share one limiter, because ChartMogul counts per account.
 */
export class RateLimiter {
  readonly #maxPerSecond: number;
  #perSecond: number;
  /** The rate that was last refused. */
  #tooMany = Infinity;
  #nextMs = 0;
  /** The time until which the server has asked callers to wait. */
  #pausedUntilMs = -Infinity;
  #loweredMs = -Infinity;
  /** The times at which callers passed within the last WINDOW_MS. */
  readonly #passed: number[] = [];

  constructor(maxPerSecond: number) {
    this.#maxPerSecond = maxPerSecond;
    this.#perSecond = maxPerSecond;
  }

  get perSecond(): number {
    return this.#perSecond;
  }

  /** Resolves when it is the caller's turn; rejects when the signal aborts. */
  async turn(signal: AbortSignal): Promise<void> {
    const nowMs = performance.now();
    const atMs = this.reserve(nowMs);
    if (atMs > nowMs) await delay(atMs - nowMs, undefined, { signal });
    // Late timers bring turns closer together, and after a pause of the process, several turns are
    // due at the same time.
    for (let waitMs = this.pass(performance.now()); waitMs > 0; waitMs = this.pass(performance.now())) {
      await delay(waitMs, undefined, { signal });
      // Meanwhile, the server may have asked for a longer wait.
      if (performance.now() < this.#pausedUntilMs) return this.turn(signal);
    }
  }

  /** Reserves the next turn for the caller and returns its time. */
  reserve(nowMs: number): number {
    const atMs = Math.max(nowMs, this.#nextMs);
    this.#nextMs = atMs + 1000 / this.#perSecond;
    return atMs;
  }

  /**
   * Returns 0 if the caller may pass now, else the milliseconds after which it may ask again. At
   * most one caller more than the maximum rate passes within any WINDOW_MS.
   */
  pass(nowMs: number): number {
    while ((this.#passed[0] ?? nowMs) <= nowMs - WINDOW_MS) this.#passed.shift();
    const [oldestMs = nowMs] = this.#passed;
    if (this.#passed.length > this.#maxPerSecond) return oldestMs + WINDOW_MS - nowMs;
    this.#passed.push(nowMs);
    return 0;
  }

  accepted(): void {
    const rise = this.#perSecond < this.#tooMany * CAREFUL_FROM ? FAST_RISE : CAREFUL_RISE;
    this.#perSecond = Math.min(this.#maxPerSecond, this.#perSecond + rise / this.#perSecond);
  }

  /** Lowers the rate after a refusal, and makes callers wait as long as the server requested. */
  refused(nowMs: number, retryAfterMs = 0): void {
    const sinceMs = nowMs - this.#loweredMs;
    if (sinceMs >= LOWER_AT_MOST_EVERY_MS) {
      const factor = sinceMs >= ACCIDENT_AFTER_MS ? ACCIDENT_FACTOR : 0.5;
      this.#loweredMs = nowMs;
      this.#tooMany = this.#perSecond;
      this.#perSecond = Math.max(SLOWEST_PER_SECOND, this.#perSecond * factor);
    }
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, nowMs + Math.min(retryAfterMs, MAX_RETRY_AFTER_MS));
    this.#nextMs = Math.max(this.#nextMs, this.#pausedUntilMs);
  }
}
