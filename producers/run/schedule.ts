import { Cron } from 'croner';
import { ConfigError, messageOf } from '../../core/errors.ts';
import { duration } from '../../core/settings/setting-values.ts';

/** The times at which runs are due. */
export interface Schedule {
  /** Returns when the first run of a process is due. */
  first(now: Date): Date;
  /**
   * Returns when the next run is due after a run that lasted from `begun` to `ended`: not before
   * `ended`, since runs never overlap.
   */
  next(begun: Date, ended: Date): Date;
  /** Returns the number of scheduled times after `from`, up to and including `to`. */
  timesBetween(from: Date, to: Date): number;
  /** Returns the new time of a run after the clock was set back by `backMs` to `now`. */
  afterSetBack(at: Date, backMs: number, now: Date): Date;
  /** Returns the last time before `now`; undefined if every process begins with a run. */
  last(now: Date): Date | undefined;
}

/** The maximum number of missed times that are counted. */
const MAX_COUNTED = 1_000;

/** Runs are due at a fixed interval, the first one immediately. @throws ConfigError */
export function everySchedule(text: string): Schedule {
  const periodMs = duration('--every', text);
  return {
    first: (now) => now,
    next: (begun, ended) => new Date(Math.max(begun.getTime() + periodMs, ended.getTime())),
    timesBetween: (from, to) =>
      Math.min(MAX_COUNTED, Math.max(0, Math.floor((to.getTime() - from.getTime()) / periodMs))),
    afterSetBack: (at, backMs) => new Date(at.getTime() - backMs),
    last: () => undefined,
  };
}

/**
 * Runs are due at the times of a cron expression in UTC, which has no daylight saving time: no time
 * is skipped or repeated in spring and autumn.
 * @throws ConfigError
 */
export function cronSchedule(text: string): Schedule {
  let cron: Cron;
  try {
    cron = new Cron(text, { paused: true, timezone: 'UTC' });
  } catch (error) {
    throw new ConfigError(
      `--cron must be a cron expression such as "0 * * * *"; got "${text}" (${messageOf(error)})`,
    );
  }
  const after = (time: Date) => {
    const next = cron.nextRun(time);
    if (next === null) throw new ConfigError(`--cron must match a time in the future; got "${text}"`);
    return next;
  };
  return {
    first: after,
    next: (_, ended) => after(ended),
    timesBetween: (from, to) => {
      let count = 0;
      for (let at = cron.nextRun(from); at !== null && at <= to && count < MAX_COUNTED; at = cron.nextRun(at))
        count++;
      return count;
    },
    afterSetBack: (_at, _backMs, now) => after(now),
    last: (now) => cron.previousRuns(1, now)[0],
  };
}
