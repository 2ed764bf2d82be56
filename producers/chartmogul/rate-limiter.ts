import { setTimeout as delay } from 'node:timers/promises';

/**
 * Lets callers through at even distances, so that no second ever sees more than `perSecond` of them, whichever second
 * the server counts. One limiter is shared by all streams: ChartMogul counts per account.
 */
export class RateLimiter {
  readonly #intervalMs: number;
  #nextMs = 0;

  constructor(perSecond: number) {
    this.#intervalMs = 1000 / perSecond;
  }

  /** Resolves when it is the caller's turn; rejects when the signal aborts. */
  async turn(signal: AbortSignal): Promise<void> {
    const nowMs = performance.now();
    const atMs = Math.max(nowMs, this.#nextMs);
    this.#nextMs = atMs + this.#intervalMs;
    if (atMs > nowMs) await delay(atMs - nowMs, undefined, { signal });
  }
}
