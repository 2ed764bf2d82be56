import { setImmediate as turnOfOthers } from 'node:timers/promises';

/** Longer than a page of usual size takes: signals and timers wait no longer than this. */
const SLICE_MS = 50;

/** For loops over what another program sent, which may be ten million entries: between slices the event loop turns. */
export class TimeSlice {
  #endMs = performance.now() + SLICE_MS;

  /** Whether it is time to `await` {@link next}. */
  isOver(): boolean {
    return performance.now() >= this.#endMs;
  }

  async next(): Promise<void> {
    await turnOfOthers();
    this.#endMs = performance.now() + SLICE_MS;
  }
}
