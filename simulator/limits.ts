import { refusal, type Answer } from './answer.ts';
import type { SimulatorOptions } from './options.ts';

/**
 * Counts requests and refuses excess ones: with 429 above the rate limit, with 503 above the limit
 * of concurrent requests.
 */
export class Limits {
  readonly #options: SimulatorOptions;
  readonly #now: () => number;
  /** The times of the last `rateLimit` accepted requests, as a ring. */
  readonly #accepted: number[] = [];
  #oldest = 0;
  #inFlight = 0;

  constructor(options: SimulatorOptions, now: () => number = () => performance.now()) {
    this.#options = options;
    this.#now = now;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /**
   * Registers a new request, and returns its refusal, if any. The caller must call `end` for every
   * request.
   */
  begin(): Answer | undefined {
    this.#inFlight++;
    const { connectionLimit, rateLimit } = this.#options;
    if (connectionLimit > 0 && this.#inFlight > connectionLimit)
      return refusal(503, 'Too many parallel connections.');
    return rateLimit > 0 && !this.#takeTurn(rateLimit) ? this.tooMany() : undefined;
  }

  end(): void {
    this.#inFlight--;
  }

  tooMany(): Answer {
    const { retryAfter } = this.#options;
    const answer = refusal(429, 'Your request rate has exceeded our rate limit.');
    return retryAfter === undefined ? answer : { ...answer, headers: { 'Retry-After': String(retryAfter) } };
  }

  #takeTurn(rateLimit: number): boolean {
    const now = this.#now();
    if (this.#accepted.length < rateLimit) {
      this.#accepted.push(now);
      return true;
    }
    if (now - (this.#accepted[this.#oldest] ?? 0) < 1000) return false;
    this.#accepted[this.#oldest] = now;
    this.#oldest = (this.#oldest + 1) % rateLimit;
    return true;
  }
}
