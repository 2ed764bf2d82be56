import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Cron } from 'croner';
import { ConfigError, messageOf, RetriableError } from '../../core/errors.ts';
import { logger, withRunId } from '../../core/logger.ts';
import { duration } from '../../core/settings/setting-values.ts';

export interface Schedule {
  first(now: Date): Date;
  /** Runs never overlap, and missed runs are not repeated. */
  next(begun: Date, now: Date): Date;
}

/** Starts a run at every interval, the first one at once. @throws ConfigError */
export function everySchedule(text: string): Schedule {
  const periodMs = duration('--every', text);
  return {
    first: (now) => now,
    next: (begun, now) => new Date(Math.max(begun.getTime() + periodMs, now.getTime())),
  };
}

/** Starts runs at the times of a cron expression in UTC. @throws ConfigError */
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
  return { first: after, next: (_, now) => after(now) };
}

/**
 * Runs, each time with a new id, at the times of the schedule until the signal aborts, which also ends the current run. Logs
 * the error and waits for the next run if a service is unavailable.
 *
 * @throws errors that a later run cannot recover from.
 */
export async function runOnSchedule(
  schedule: Schedule,
  signal: AbortSignal,
  run: (id: string) => Promise<unknown>,
): Promise<void> {
  const isStopped = () => signal.aborted;
  let at = schedule.first(new Date());
  for (;;) {
    await waitUntil(at, signal);
    if (isStopped()) return;
    const begun = new Date();
    const id = randomUUID();
    try {
      await run(id);
    } catch (error) {
      if (isStopped()) return;
      if (!(error instanceof RetriableError)) throw error;
      withRunId(id, () => logger.error({ reason: messageOf(error) }, 'run failed'));
    }
    at = schedule.next(begun, new Date());
    logger.info({ at: at.toISOString() }, 'next run');
  }
}

/** Timers hold at most 24 days, so longer waits are split. */
const LONGEST_TIMER_MS = 86_400_000;

async function waitUntil(at: Date, signal: AbortSignal): Promise<void> {
  for (let leftMs = at.getTime() - Date.now(); leftMs > 0; leftMs = at.getTime() - Date.now()) {
    await delay(Math.min(leftMs, LONGEST_TIMER_MS), undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
  }
}
