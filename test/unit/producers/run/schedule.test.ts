import assert from 'node:assert/strict';
import test from 'node:test';
import { ConfigError } from '../../../../core/errors.ts';
import { cronSchedule, everySchedule } from '../../../../producers/run/schedule.ts';

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

test('--every starts immediately, and again right after a run that exceeded the period', () => {
  const schedule = everySchedule('15m');
  assert.deepEqual(schedule.first(at('10:00:00')), at('10:00:00'));
  assert.deepEqual(schedule.next(at('10:00:00'), at('10:40:00')), at('10:40:00'));
  assert.equal(schedule.last(at('10:00:00')), undefined);
});

test('--cron uses UTC and skips times during a run', () => {
  const schedule = cronSchedule('0 * * * *');
  assert.deepEqual(schedule.first(at('10:20:00')), at('11:00:00'));
  assert.deepEqual(schedule.next(at('11:00:00'), at('13:10:00')), at('14:00:00'));
  assert.deepEqual(schedule.last(at('10:20:00')), at('10:00:00'));
});

const counted: [text: 'every' | 'cron', from: string, to: string, count: number][] = [
  ['every', '10:00:00', '10:14:59', 0],
  ['every', '10:00:00', '10:15:00', 1],
  ['every', '10:00:00', '10:40:00', 2],
  ['every', '10:40:00', '10:00:00', 0],
  ['cron', '10:00:00', '10:14:59', 0],
  ['cron', '10:00:00', '10:15:00', 1],
  ['cron', '10:01:00', '10:40:00', 2],
  ['cron', '10:40:00', '10:00:00', 0],
];
for (const [kind, from, to, count] of counted) {
  test(`timesBetween returns ${count} for a quarter-hourly --${kind} after ${from} and up to ${to}`, () => {
    const schedule = kind === 'every' ? everySchedule('15m') : cronSchedule('*/15 * * * *');
    assert.equal(schedule.timesBetween(at(from), at(to)), count);
  });
}

test('timesBetween stops counting at 1,000', () => {
  const year = [new Date('2025-01-01T00:00Z'), new Date('2026-01-01T00:00Z')] as const;
  for (const schedule of [everySchedule('1s'), cronSchedule('* * * * *')])
    assert.equal(schedule.timesBetween(...year), 1_000);
});

const zone = process.env['TZ'];
for (const [what, day] of [
  ['start', '2026-03-29'],
  ['end', '2026-10-25'],
] as const) {
  test(`--cron neither skips nor repeats a time at the ${what} of daylight saving time`, (t) => {
    process.env['TZ'] = 'Europe/Berlin';
    t.after(() => {
      if (zone === undefined) delete process.env['TZ'];
      else process.env['TZ'] = zone;
    });
    const schedule = cronSchedule('30 2 * * *');
    const times: string[] = [];
    let time = new Date(Date.parse(`${day}T12:00:00Z`) - 2 * 86_400_000);
    for (let count = 0; count < 3; count++) {
      time = schedule.next(time, time);
      times.push(time.toISOString());
    }
    const days = [-1, 0, 1].map((offset) => new Date(Date.parse(`${day}T02:30:00Z`) + offset * 86_400_000));
    assert.deepEqual(
      times,
      days.map((wanted) => wanted.toISOString()),
    );
  });
}

for (const text of ['', '15', '0m', '-5m', '1.5h', '15 m', 'm']) {
  test(`--every rejects "${text}"`, () => assert.throws(() => everySchedule(text), ConfigError));
}
for (const text of ['', 'hourly-ish', '99 * * * *', '0 0 31 2 *']) {
  test(`--cron rejects "${text}"`, () => {
    assert.throws(() => cronSchedule(text).first(at('10:00:00')), ConfigError);
  });
}
