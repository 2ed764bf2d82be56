import { setImmediate as turnOfOthers } from 'node:timers/promises';

/** The longest time for which signals and timers wait. */
const SLICE_MS = 50;

/** Makes loops over foreign data, which may have ten million entries, yield to the event loop. */
export class TimeSlice {
  #endMs = performance.now() + SLICE_MS;

  /** Returns whether it is time to `await` {@link next}. */
  isOver(): boolean {
    return performance.now() >= this.#endMs;
  }

  async next(): Promise<void> {
    await turnOfOthers();
    this.#endMs = performance.now() + SLICE_MS;
  }
}
