import { setTimeout as delay } from 'node:timers/promises';
import { Cron } from 'croner';
import { ConfigError, messageOf, RetriableError } from '../../core/errors.ts';
import { logger } from '../../core/logger.ts';
import { duration } from '../../core/settings/setting-values.ts';

/** When the runs of a process that stays begin. */
export interface Schedule {
  /** The first run, seen from the start of the process. */
  first(now: Date): Date;
  /** The run after one that began at `begun` and is over `now`: runs never overlap, and none is made up for. */
  next(begun: Date, now: Date): Date;
}

/** From start to start, the first run at once. @throws ConfigError */
export function everySchedule(text: string): Schedule {
  const periodMs = duration('--every', text);
  return {
    first: (now) => now,
    next: (begun, now) => new Date(Math.max(begun.getTime() + periodMs, now.getTime())),
  };
}

/** At the times of a cron expression, in UTC. @throws ConfigError */
export function cronSchedule(text: string): Schedule {
  let cron: Cron;
  try {
    cron = new Cron(text, { paused: true, timezone: 'UTC' });
  } catch (error) {
    throw new ConfigError(
      `--cron got "${text}", wants a cron expression such as "0 * * * *" (${messageOf(error)})`,
    );
  }
  const after = (time: Date) => {
    const next = cron.nextRun(time);
    if (next === null) throw new ConfigError(`--cron got "${text}", which never comes`);
    return next;
  };
  return { first: after, next: (_, now) => after(now) };
}

/**
 * Runs at the times of the schedule until the signal aborts; then the run under way has been ended by the same signal. A run
 * that fails because a service is away is told, and the next one comes at its time.
 *
 * @throws what a run throws that will not get better by itself.
 */
export async function runOnSchedule(
  schedule: Schedule,
  signal: AbortSignal,
  run: () => Promise<unknown>,
): Promise<void> {
  const isStopped = () => signal.aborted;
  let at = schedule.first(new Date());
  for (;;) {
    await waitUntil(at, signal);
    if (isStopped()) return;
    const begun = new Date();
    try {
      await run();
    } catch (error) {
      if (isStopped()) return;
      if (!(error instanceof RetriableError)) throw error;
      logger.error({ reason: messageOf(error) }, 'run failed');
    }
    at = schedule.next(begun, new Date());
    logger.info({ at: at.toISOString() }, 'next run');
  }
}

/** Timers hold 24 days at most: a later time is waited for in pieces. */
const LONGEST_TIMER_MS = 86_400_000;

async function waitUntil(at: Date, signal: AbortSignal): Promise<void> {
  for (let leftMs = at.getTime() - Date.now(); leftMs > 0; leftMs = at.getTime() - Date.now()) {
    await delay(Math.min(leftMs, LONGEST_TIMER_MS), undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
  }
}
