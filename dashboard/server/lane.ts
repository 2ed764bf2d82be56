import pLimit from 'p-limit';
import { ServiceUnavailableError } from '../../core/errors.ts';

export interface LaneLimits {
  readonly running: number;
  readonly waiting: number;
}

/** Limits work of one kind: some runs concurrently, some waits, and the rest is refused. */
export class Lane {
  readonly #what: string;
  readonly #waiting: number;
  readonly #limit: ReturnType<typeof pLimit>;
  /** The number of cancelled calls that are still in the queue of the limit. */
  #cancelled = 0;

  /** @param what the work, in the plural. */
  constructor(what: string, { running, waiting }: LaneLimits) {
    this.#what = what;
    this.#waiting = waiting;
    this.#limit = pLimit(running);
  }

  /**
   * Runs the work when it is its turn, unless the signal aborts first, which frees its place.
   * @throws ServiceUnavailableError if too much work is waiting; the signal's reason; what the work
   *   throws.
   */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    if (this.#limit.pendingCount - this.#cancelled >= this.#waiting)
      throw new ServiceUnavailableError(
        `the dashboard is busy: ${this.#waiting} ${this.#what} are waiting; try again in a minute`,
      );
    let onAbort = () => {};
    const cancelled = new Promise<never>((_resolve, reject) => {
      onAbort = () => {
        this.#cancelled += 1;
        reject(signal.reason as Error);
      };
    });
    signal.addEventListener('abort', onAbort, { once: true });
    const turn = this.#limit(() => {
      signal.removeEventListener('abort', onAbort);
      if (signal.aborted) this.#cancelled -= 1;
      signal.throwIfAborted();
      return work();
    });
    return Promise.race([turn, cancelled]);
  }
}

/** The lanes of a dashboard. They limit its memory, and its load on ClickHouse and Kafka. */
export interface Lanes {
  /** The user's queries, and queries that read a lot of data. */
  readonly queries: Lane;
  /** Reads of topics, each with separate connections. */
  readonly scans: Lane;
}

export function createLanes(): Lanes {
  return {
    queries: new Lane('queries', { running: 4, waiting: 32 }),
    scans: new Lane('requests that read topics', { running: 4, waiting: 32 }),
  };
}
