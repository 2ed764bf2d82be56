import { messageOf } from '../../core/errors.ts';
import { logger } from '../../core/logger.ts';
import { adviceOf } from '../../core/remedy.ts';
import type { JobState } from '../api/job.ts';

/**
 * Runs work that outlives the request that starts it, one job at a time. The last result is kept
 * until the next start.
 */
export class Job<Progress, Result> {
  readonly #stop: AbortSignal;
  #state: JobState<Progress, Result> = { state: 'idle' };
  #controller: AbortController | undefined;
  #progress: () => Progress | undefined = () => undefined;

  /** @param stop aborts when the server stops. */
  constructor(stop: AbortSignal) {
    this.#stop = stop;
  }

  get state(): JobState<Progress, Result> {
    const progress = this.isRunning ? this.#progress() : undefined;
    return { ...this.#state, ...(progress !== undefined && { progress }) };
  }

  get isRunning(): boolean {
    return this.#controller !== undefined;
  }

  /**
   * Starts the work in the background, unless earlier work is running.
   * @param progress returns the progress of the work; called while it runs, and when it ends.
   * @returns whether it started.
   */
  start(work: (signal: AbortSignal) => Promise<Result>, progress: () => Progress): boolean {
    if (this.isRunning) return false;
    const controller = new AbortController();
    const startedMs = Date.now();
    this.#controller = controller;
    this.#progress = progress;
    this.#state = { state: 'running', startedMs };
    const end = (state: JobState<Progress, Result>) => {
      this.#state = { ...state, startedMs, endedMs: Date.now(), progress: progress() };
      this.#controller = undefined;
    };
    work(AbortSignal.any([controller.signal, this.#stop])).then(
      (result) => end({ state: 'done', result }),
      (error: unknown) => {
        if (controller.signal.aborted || this.#stop.aborted) {
          end({ state: 'cancelled' });
          return;
        }
        logger.warn({ reason: messageOf(error) }, 'dashboard job failed');
        end({ state: 'failed', error: adviceOf(messageOf(error)) });
      },
    );
    return true;
  }

  cancel(): void {
    this.#controller?.abort();
  }
}
