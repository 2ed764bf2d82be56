import { setTimeout as delay } from 'node:timers/promises';
import { MAX_RETRY_AFTER_MS } from '../../core/retry.ts';

/** Answers to requests that were under way when the rate was halved say nothing about the new rate. */
const HALVE_AT_MOST_EVERY_MS = 1_000;

const SLOWEST_PER_SECOND = 1;

/** Requests a second more with each second: fast up to near the rate that was refused last, then carefully. */
const FAST_RISE = 8;
const CAREFUL_RISE = 0.5;
const CAREFUL_FROM = 0.9;

/**
 * Lets callers through at even distances, so that no second ever sees more than the rate, whichever second the server counts.
 * The rate adapts: halved when the server refuses (429, 503), then rising with each second, up to the maximum. One limiter is
 * shared by all streams: ChartMogul counts per account.
 */
export class RateLimiter {
  readonly #maxPerSecond: number;
  #perSecond: number;
  /** The rate that was refused last. */
  #tooMany = Infinity;
  #nextMs = 0;
  #halvedMs = -Infinity;
  /** When the callers of the last second went through. */
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
    do {
      const nowMs = performance.now();
      const atMs = this.reserve(nowMs);
      if (atMs > nowMs) await delay(atMs - nowMs, undefined, { signal });
      // A process that stood still lets several go at once: then some have to wait once more.
    } while (!this.pass(performance.now()));
  }

  /** The moment of the caller's turn. */
  reserve(nowMs: number): number {
    const atMs = Math.max(nowMs, this.#nextMs);
    this.#nextMs = atMs + 1000 / this.#perSecond;
    return atMs;
  }

  /** Whether a caller may go now, in spite of those that went in the second before. */
  pass(nowMs: number): boolean {
    while ((this.#passed[0] ?? nowMs) <= nowMs - 1_000) this.#passed.shift();
    if (this.#passed.length > this.#maxPerSecond) return false;
    this.#passed.push(nowMs);
    return true;
  }

  /** The server answered a request. */
  accepted(): void {
    const rise = this.#perSecond < this.#tooMany * CAREFUL_FROM ? FAST_RISE : CAREFUL_RISE;
    this.#perSecond = Math.min(this.#maxPerSecond, this.#perSecond + rise / this.#perSecond);
  }

  /** The server refused a request because there were too many, and may have said how long to wait. */
  refused(nowMs: number, retryAfterMs = 0): void {
    if (nowMs - this.#halvedMs >= HALVE_AT_MOST_EVERY_MS) {
      this.#halvedMs = nowMs;
      this.#tooMany = this.#perSecond;
      this.#perSecond = Math.max(SLOWEST_PER_SECOND, this.#perSecond / 2);
    }
    this.#nextMs = Math.max(this.#nextMs, nowMs + Math.min(retryAfterMs, MAX_RETRY_AFTER_MS));
  }
}
