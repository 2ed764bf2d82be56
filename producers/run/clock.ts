import { setTimeout as delay } from 'node:timers/promises';

/** The clocks of this machine, and a way to wait. */
export interface Clock {
  /** Returns the time of day, which may jump in both directions. */
  readonly now: () => Date;
  /** Returns milliseconds from a clock that never jumps. It may stop while the host sleeps. */
  readonly steadyMs: () => number;
  /** Waits according to the steady clock. Returns early if the signal aborts. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

export const systemClock: Clock = {
  now: () => new Date(),
  steadyMs: () => performance.now(),
  sleep: (ms, signal) => delay(ms, undefined, { signal }).catch(() => undefined),
};
