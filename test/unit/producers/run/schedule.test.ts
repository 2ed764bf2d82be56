import assert from 'node:assert/strict';
import test from 'node:test';
import { ConfigError, FatalError, ServiceUnavailableError } from '../../../../core/errors.ts';
import { logger } from '../../../../core/logger.ts';
import {
  cronSchedule,
  everySchedule,
  runOnSchedule,
  type Schedule,
} from '../../../../producers/run/schedule.ts';

logger.level = 'silent';
const at = (time: string) => new Date(`2026-01-01T${time}Z`);

const periods = [
  ['30s', '10:00:30'],
  ['15m', '10:15:00'],
  ['6h', '16:00:00'],
] as const;
for (const [text, next] of periods) {
  test(`--every ${text} counts from start to start`, () => {
    assert.deepEqual(everySchedule(text).next(at('10:00:00'), at('10:00:10')), at(next));
  });
}

test('--every starts at once, and right after a run that exceeded the period', () => {
  const schedule = everySchedule('15m');
  assert.deepEqual(schedule.first(at('10:00:00')), at('10:00:00'));
  assert.deepEqual(schedule.next(at('10:00:00'), at('10:40:00')), at('10:40:00'));
});

test('--cron uses UTC and skips times during a run', () => {
  const schedule = cronSchedule('0 * * * *');
  assert.deepEqual(schedule.first(at('10:20:00')), at('11:00:00'));
  assert.deepEqual(schedule.next(at('11:00:00'), at('13:10:00')), at('14:00:00'));
});

for (const text of ['', '15', '0m', '-5m', '1.5h', '15 m', 'm']) {
  test(`--every rejects "${text}"`, () => assert.throws(() => everySchedule(text), ConfigError));
}
for (const text of ['', 'hourly-ish', '99 * * * *', '0 0 31 2 *']) {
  test(`--cron rejects "${text}"`, () => {
    assert.throws(() => cronSchedule(text).first(at('10:00:00')), ConfigError);
  });
}

/** Always due. */
const atOnce: Schedule = { first: (now) => now, next: (_, now) => now };

test('a schedule survives an unavailable service but not a rejection', async () => {
  const failures = [new ServiceUnavailableError('away'), undefined, new ConfigError('wrong')];
  let runs = 0;
  const run = () => {
    const failure = failures[runs++];
    return failure === undefined ? Promise.resolve() : Promise.reject(failure);
  };
  await assert.rejects(runOnSchedule(atOnce, new AbortController().signal, run), FatalError);
  assert.equal(runs, 3);
});

test('runs never overlap, and an abort ends the schedule during or between runs', async () => {
  for (const schedule of [atOnce, everySchedule('1d')]) {
    const stop = new AbortController();
    let underWay = 0;
    let runs = 0;
    await runOnSchedule(schedule, stop.signal, async () => {
      assert.equal(++underWay, 1);
      if (++runs === 3 || schedule !== atOnce) setImmediate(() => stop.abort());
      await new Promise((resolve) => setImmediate(resolve));
      underWay--;
    });
    assert.equal(runs >= 1, true);
  }
});
