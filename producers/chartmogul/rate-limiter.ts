import { setTimeout as delay } from 'node:timers/promises';
import { MAX_RETRY_AFTER_MS } from '../../core/retry.ts';

/** Answers to requests that were under way when the rate was halved say nothing about the new rate. */
const HALVE_AT_MOST_EVERY_MS = 1_000;

const SLOWEST_PER_SECOND = 1;

/**
 * Lets callers through at even distances, so that no second ever sees more than the rate, whichever second the server counts.
 * The rate adapts: halved when the server refuses (429, 503), then one request a second more with each second, up to the
 * maximum. One limiter is shared by all streams: ChartMogul counts per account.
 */
export class RateLimiter {
  readonly #maxPerSecond: number;
  #perSecond: number;
  #nextMs = 0;
  #halvedMs = -Infinity;

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
  }

  /** The moment of the caller's turn. */
  reserve(nowMs: number): number {
    const atMs = Math.max(nowMs, this.#nextMs);
    this.#nextMs = atMs + 1000 / this.#perSecond;
    return atMs;
  }

  /** The server answered a request. */
  accepted(): void {
    this.#perSecond = Math.min(this.#maxPerSecond, this.#perSecond + 1 / this.#perSecond);
  }

  /** The server refused a request because there were too many, and may have said how long to wait. */
  refused(nowMs: number, retryAfterMs = 0): void {
    if (nowMs - this.#halvedMs >= HALVE_AT_MOST_EVERY_MS) {
      this.#halvedMs = nowMs;
      this.#perSecond = Math.max(SLOWEST_PER_SECOND, this.#perSecond / 2);
    }
    this.#nextMs = Math.max(this.#nextMs, nowMs + Math.min(retryAfterMs, MAX_RETRY_AFTER_MS));
  }
}
