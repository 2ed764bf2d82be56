import { RunActiveError } from '../../core/errors.ts';
import { codeOf, failedStreams, ProgressWatch, type Health } from '../../core/health.ts';
import type { StreamCounts } from './stream-counts.ts';

/** Longer than it takes to read large topics back, during which no count changes. */
const STUCK_MS = 30 * 60_000;

/**
 * The health of a producer process. It is ready unless the last completed run failed, or the first
 * run is still connecting to the services. A dead letter does not make it unready.
 */
export class ProducerHealth implements Health {
  readonly #watch: ProgressWatch;
  #isRunning = false;
  #counts: readonly StreamCounts[] | undefined;
  /** The reason why the last completed run did not succeed. */
  #reason: string | undefined;

  constructor(nowMs?: () => number) {
    this.#watch = new ProgressWatch(nowMs);
  }

  /**
   * Watches a run until it ends. The run passes its live counts to `follow`.
   * @throws the errors of the run.
   */
  async during<T>(run: (follow: (counts: readonly StreamCounts[]) => void) => Promise<T>): Promise<T> {
    this.#isRunning = true;
    let counts: readonly StreamCounts[] = [];
    try {
      const result = await run((live) => (this.#counts = counts = live));
      this.#reason = failedStreams(counts);
      return result;
    } catch (error) {
      // The active run does the work, so this process stays ready.
      if (!(error instanceof RunActiveError))
        this.#reason = `the last run has failed${codeOf(error)}; see the log`;
      throw error;
    } finally {
      this.#isRunning = false;
    }
  }

  readonly stuck = (): string | undefined => {
    const stillMs = this.#watch.stillMs(this.#isRunning ? progressOf(this.#counts) : undefined);
    if (stillMs < STUCK_MS) return undefined;
    return `the run has made no progress for ${Math.floor(stillMs / 60_000)} minutes`;
  };

  readonly unready = (): string | undefined =>
    this.#reason ??
    (this.#isRunning && this.#counts === undefined ? 'the first run is connecting' : undefined);
}

function progressOf(counts: readonly StreamCounts[] = []): string {
  return counts
    .map(({ state, requests, retries, pages, records, messages, deleted }) =>
      [state, requests, retries, pages, records, messages, deleted].join(' '),
    )
    .join();
}
