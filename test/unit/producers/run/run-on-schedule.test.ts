import assert from 'node:assert/strict';
import test from 'node:test';
import {
  ConfigError,
  RunActiveError,
  ServiceUnavailableError,
  StoppedError,
} from '../../../../core/errors.ts';
import { logger } from '../../../../core/logger.ts';
import { ScheduleCounts } from '../../../../producers/report/schedule-counts.ts';
import type { Clock } from '../../../../producers/run/clock.ts';
import {
  runOnSchedule,
  type RunOutcome,
  type ScheduledRuns,
} from '../../../../producers/run/run-on-schedule.ts';
import { cronSchedule, everySchedule, type Schedule } from '../../../../producers/run/schedule.ts';

logger.level = 'silent';

const minutes = (count: number) => count * 60_000;

/** A clock that advances during waits and runs, and jumps at given times. */
class FakeClock implements Clock {
  readonly start: Date;
  #nowMs: number;
  #steadyMs = 0;
  /** The jumps, each with the minute of the steady clock at which it happens. */
  readonly #jumps: (readonly [minute: number, effect: () => void])[] = [];

  constructor(start: string) {
    this.start = new Date(start);
    this.#nowMs = this.start.getTime();
  }

  readonly now = () => new Date(this.#nowMs);
  readonly steadyMs = () => this.#steadyMs;
  readonly sleep = (ms: number) => {
    this.pass(ms);
    return Promise.resolve();
  };

  pass(ms: number): void {
    this.#nowMs += ms;
    this.#steadyMs += ms;
    while (minutes(this.#jumps[0]?.[0] ?? Infinity) <= this.#steadyMs) this.#jumps.shift()?.[1]();
  }

  /** Makes the time of day jump, as when the host wakes from sleep or its clock is corrected. */
  jump(atMinute: number, byMinutes: number): this {
    this.#jumps.push([atMinute, () => (this.#nowMs += minutes(byMinutes))]);
    return this;
  }
}

interface Scene {
  readonly schedule: Schedule;
  readonly clock: FakeClock;
  /** The runs in order. The schedule is stopped during the run that follows them. */
  readonly runs: readonly { readonly lasts?: number; readonly result?: RunOutcome | Error }[];
  readonly isRunMissing?: ScheduledRuns['isRunMissing'];
}

/** Returns the times of day at which runs began, and the number of missed runs. */
async function play({ schedule, clock, runs, isRunMissing }: Scene) {
  const stop = new AbortController();
  const counts = new ScheduleCounts();
  const begun: string[] = [];
  const ids = new Set<string>();
  const run = (id: string) => {
    ids.add(id);
    assert.equal(counts.nextRun, undefined);
    const next = runs[begun.length];
    begun.push(clock.now().toISOString().slice(11, 16));
    if (next === undefined) {
      stop.abort(new StoppedError('the end'));
      return Promise.reject(new StoppedError('the end'));
    }
    clock.pass(minutes(next.lasts ?? 1));
    const { result = 'done' } = next;
    return result instanceof Error ? Promise.reject(result) : Promise.resolve(result);
  };
  await runOnSchedule({ schedule, clock, counts, run, ...(isRunMissing && { isRunMissing }) }, stop.signal);
  assert.equal(ids.size, begun.length);
  return { begun, missed: counts.missedRuns };
}

const every = () => everySchedule('15m');
const hourly = () => cronSchedule('0 * * * *');
const away = new ServiceUnavailableError('Kafka is away');
const DAY = '2026-01-01';

const scenes: [title: string, scene: Scene, begun: string[], missed: number][] = [
  [
    'runs of --every begin at each interval',
    { schedule: every(), clock: new FakeClock(`${DAY}T10:00Z`), runs: [{}, { lasts: 9 }] },
    ['10:00', '10:15', '10:30'],
    0,
  ],
  [
    'a run of --every that takes longer than the interval is followed by one run',
    { schedule: every(), clock: new FakeClock(`${DAY}T10:00Z`), runs: [{ lasts: 50 }, {}] },
    ['10:00', '10:50', '11:05'],
    2,
  ],
  [
    'a run of --cron that takes longer than the interval is followed by the next scheduled run',
    { schedule: hourly(), clock: new FakeClock(`${DAY}T10:20Z`), runs: [{ lasts: 150 }, {}] },
    ['11:00', '14:00', '15:00'],
    2,
  ],
  [
    'a host that slept runs once when it wakes and then at each interval',
    { schedule: every(), clock: new FakeClock(`${DAY}T10:00Z`).jump(5, 60), runs: [{}, {}] },
    ['10:00', '11:05', '11:20'],
    3,
  ],
  [
    'a host that slept through scheduled times of --cron runs once when it wakes',
    { schedule: hourly(), clock: new FakeClock(`${DAY}T10:20Z`).jump(10, 180), runs: [{}, {}] },
    ['13:30', '14:00', '15:00'],
    2,
  ],
  [
    'the time that a host slept during a run counts toward the interval',
    { schedule: every(), clock: new FakeClock(`${DAY}T10:00Z`).jump(1, 10), runs: [{ lasts: 2 }] },
    ['10:00', '10:15'],
    0,
  ],
  [
    'a clock that is set back does not delay --every',
    { schedule: every(), clock: new FakeClock(`${DAY}T10:00Z`).jump(5, -120), runs: [{}, {}] },
    ['10:00', '08:15', '08:30'],
    0,
  ],
  [
    'a clock that is set back during a run does not delay --every',
    { schedule: every(), clock: new FakeClock(`${DAY}T10:00Z`).jump(2, -120), runs: [{ lasts: 3 }, {}] },
    ['10:00', '08:15', '08:30'],
    0,
  ],
  [
    'a clock that is set back by years does not stop --cron',
    { schedule: hourly(), clock: new FakeClock('2031-01-01T10:20Z').jump(5, -2_629_440), runs: [{}, {}] },
    ['11:00', '12:00', '13:00'],
    0,
  ],
  [
    'a run that could not reach a service is retried after 1, 2 and 4 minutes',
    {
      schedule: cronSchedule('0 2 * * *'),
      clock: new FakeClock(`${DAY}T01:00Z`),
      runs: [{ result: away }, { result: 'unavailable' }, { result: away }, {}],
    },
    ['02:00', '02:02', '02:05', '02:10', '02:00'],
    0,
  ],
  [
    'a retry never begins later than the next scheduled time',
    {
      schedule: everySchedule('5m'),
      clock: new FakeClock(`${DAY}T10:00Z`),
      runs: [{ result: away }, { result: away }, { result: away }, { result: away }, {}],
    },
    ['10:00', '10:02', '10:05', '10:10', '10:15', '10:20'],
    0,
  ],
  [
    'a run that is skipped because another one is active counts as missed and is not retried',
    {
      schedule: hourly(),
      clock: new FakeClock(`${DAY}T10:20Z`),
      runs: [{ lasts: 0, result: new RunActiveError('another run is active') }, {}],
    },
    ['11:00', '12:00', '13:00'],
    1,
  ],
  [
    'a run that was missed at the last scheduled time of --cron begins immediately',
    {
      schedule: hourly(),
      clock: new FakeClock(`${DAY}T10:20Z`),
      runs: [{}],
      isRunMissing: (since) => Promise.resolve(since.toISOString() === `${DAY}T10:00:00.000Z`),
    },
    ['10:20', '11:00'],
    0,
  ],
  [
    'a run that began after the last scheduled time of --cron is not repeated',
    {
      schedule: hourly(),
      clock: new FakeClock(`${DAY}T10:20Z`),
      runs: [{}],
      isRunMissing: () => Promise.resolve(false),
    },
    ['11:00', '12:00'],
    0,
  ],
];
for (const [title, scene, begun, missed] of scenes) {
  test(title, async () => assert.deepEqual(await play(scene), { begun, missed }));
}

test('a schedule ends with an error that a later run cannot recover from', async () => {
  const wrong = new ConfigError('wrong');
  const scene = { schedule: every(), clock: new FakeClock(`${DAY}T10:00Z`), runs: [{}, { result: wrong }] };
  await assert.rejects(play(scene), wrong);
});

test('an abort ends the schedule between runs', async () => {
  const stop = new AbortController();
  const run = () => {
    setImmediate(() => stop.abort());
    return Promise.resolve('done' as const);
  };
  await runOnSchedule({ schedule: everySchedule('1d'), run }, stop.signal);
  assert.ok(stop.signal.aborted);
});
