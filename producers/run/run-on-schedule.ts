import { randomUUID } from 'node:crypto';
import { messageOf, RetriableError, RunActiveError } from '../../core/errors.ts';
import { logger, withRunId } from '../../core/logger.ts';
import { ScheduleCounts } from '../report/schedule-counts.ts';
import { systemClock, type Clock } from './clock.ts';
import type { Schedule } from './schedule.ts';

/** `unavailable`: the run or a stream failed for a reason that may be temporary. */
export type RunOutcome = 'done' | 'unavailable';

export interface ScheduledRuns {
  readonly schedule: Schedule;
  /** Runs once. The log lines and records of the run contain the id. */
  readonly run: (id: string) => Promise<RunOutcome>;
  /** Returns whether earlier processes have recorded runs, but none since this time. */
  readonly isRunMissing?: (since: Date) => Promise<boolean>;
  readonly counts?: ScheduleCounts;
  readonly clock?: Clock;
}

/** Long waits are split, so that a host sleep or a clock change is noticed soon. */
const MAX_WAIT_MS = 10_000;
/** Smaller corrections of the clock are ignored. */
const MIN_SET_BACK_MS = 5_000;
const FIRST_REPEAT_MS = 60_000;
const MAX_REPEAT_MS = 30 * 60_000;

/**
 * Runs at the times of a schedule until the signal aborts, which also ends the current run. Runs
 * never overlap. Times that pass during a run or while the host sleeps are counted as missed. One
 * run makes up for them, except for the times of a cron expression that pass during a run. A run
 * that failed for a reason that may be temporary is repeated after a minute, then after a delay
 * that doubles each time, up to 30 minutes, but never later than the schedule requires.
 *
 * @throws errors that a later run cannot recover from.
 */
export async function runOnSchedule(runs: ScheduledRuns, signal: AbortSignal): Promise<void> {
  const { schedule, counts = new ScheduleCounts(), clock = systemClock } = runs;
  const isStopped = () => signal.aborted;
  const miss = (times: number, reason: string) => {
    if (times === 0) return;
    counts.missedRuns += times;
    logger.warn({ times, reason }, 'scheduled runs were missed');
  };
  let at = await firstTime(runs, clock);
  let failures = 0;
  for (;;) {
    counts.nextRun = at;
    at = await waitUntil(at, schedule, clock, signal);
    if (isStopped()) return;
    counts.nextRun = undefined;
    const begun = clock.now();
    const begunMs = clock.steadyMs();
    miss(schedule.timesBetween(at, begun), 'this process or its host slept');
    const outcome = await runOnce(runs, signal);
    if (isStopped()) return;
    if (outcome === 'skipped') miss(1, 'another run is active');
    const ended = clock.now();
    // The steady clock may have stopped, and the time of day may have been set back.
    const lastedMs = Math.max(clock.steadyMs() - begunMs, ended.getTime() - begun.getTime());
    const since = new Date(ended.getTime() - lastedMs);
    const due = schedule.next(since, ended);
    const isDueNow = due <= ended;
    miss(
      Math.max(0, schedule.timesBetween(since, ended) - Number(isDueNow)),
      'a run took longer than the interval',
    );
    failures = outcome === 'unavailable' ? failures + 1 : 0;
    at = failures === 0 ? due : earlier(due, ended.getTime() + repeatMs(failures));
    logger.info({ at: at.toISOString() }, 'next run');
  }
}

/**
 * Returns the current time if the last scheduled time passed without a run, because no process was
 * running; else the first time of the schedule.
 */
async function firstTime({ schedule, isRunMissing }: ScheduledRuns, clock: Clock): Promise<Date> {
  const now = clock.now();
  const last = schedule.last(now);
  if (last === undefined || isRunMissing === undefined || !(await isRunMissing(last)))
    return schedule.first(now);
  logger.warn({ missed: last.toISOString() }, 'no run began at the last scheduled time: starting one now');
  return now;
}

async function runOnce({ run }: ScheduledRuns, signal: AbortSignal): Promise<RunOutcome | 'skipped'> {
  const id = randomUUID();
  return withRunId(id, async () => {
    try {
      return await run(id);
    } catch (error) {
      if (!(error instanceof RetriableError) && !signal.aborted) throw error;
      const isSkipped = error instanceof RunActiveError;
      if (!signal.aborted)
        logger.error({ reason: messageOf(error) }, isSkipped ? 'run skipped' : 'run failed');
      return isSkipped ? 'skipped' : 'unavailable';
    }
  });
}

/**
 * Waits until the given time, or until the signal aborts. Returns the time, which moves if the
 * clock is set back.
 */
async function waitUntil(time: Date, schedule: Schedule, clock: Clock, signal: AbortSignal): Promise<Date> {
  let at = time;
  for (let now = clock.now(); now < at && !signal.aborted;) {
    const steadyMs = clock.steadyMs();
    await clock.sleep(Math.min(at.getTime() - now.getTime(), MAX_WAIT_MS), signal);
    const later = clock.now();
    const backMs = clock.steadyMs() - steadyMs - (later.getTime() - now.getTime());
    if (backMs >= MIN_SET_BACK_MS) {
      at = schedule.afterSetBack(at, backMs, later);
      logger.warn({ seconds: Math.round(backMs / 1000), at: at.toISOString() }, 'the clock was set back');
    }
    now = later;
  }
  return at;
}

function repeatMs(failures: number): number {
  return Math.min(FIRST_REPEAT_MS * 2 ** (failures - 1), MAX_REPEAT_MS);
}

function earlier(due: Date, ms: number): Date {
  return new Date(Math.min(due.getTime(), ms));
}
