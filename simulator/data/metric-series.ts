import { ActivityIndex } from './activity-index.ts';
import { activityTypes, type ActivityType } from './activity.ts';
import { addMonths, date, day, dateInZone } from './instant.ts';
import type { World } from './world.ts';

export const intervals = ['day', 'week', 'month', 'quarter', 'year'] as const;

export type Interval = (typeof intervals)[number];

/** The movements of one interval, in cents and customers, and the totals at its end. */
export interface Period extends Day {
  /** The last day of the interval. */
  readonly date: string;
  readonly mrr: number;
  readonly customers: number;
}

const monthsIn = { month: 1, quarter: 3, year: 12 } as const;

type Sums = Record<ActivityType, number>;

const none = (): Sums => ({ new_biz: 0, reactivation: 0, expansion: 0, contraction: 0, churn: 0 });

interface Day {
  readonly movements: Sums;
  readonly counts: Sums;
}

const noMoves = (): Day => ({ movements: none(), counts: none() });

const remembered = new WeakMap<World, ReadonlyMap<string, Day>>();

/** Returns the intervals that overlap the days from `start` to `end`, in the account's calendar. */
export function periodsOf(world: World, start: string, end: string, interval: Interval): Period[] {
  const days = daysOf(world);
  const sorted = [...days.keys()].sort();
  const periods: Period[] = [];
  let mrr = 0;
  let customers = 0;
  let next = 0;
  const advance = (until: string): Day => {
    const sums = noMoves();
    for (; (sorted[next] ?? '~') <= until; next++) {
      const moved = days.get(sorted[next] ?? '') ?? noMoves();
      for (const type of activityTypes) {
        sums.movements[type] += moved.movements[type];
        sums.counts[type] += moved.counts[type];
        mrr += moved.movements[type];
      }
      customers += moved.counts.new_biz + moved.counts.reactivation - moved.counts.churn;
    }
    return sums;
  };
  let first = firstDay(Date.parse(start), interval);
  advance(date(first - day));
  while (date(first) <= end) {
    const following = nextStart(first, interval);
    const last = date(following - day);
    periods.push({ date: last, ...advance(last), mrr, customers });
    first = following;
  }
  return periods;
}

/** Returns the last day of the interval before the one that contains `start`. */
export function dayBefore(start: string, interval: Interval): string {
  return date(firstDay(Date.parse(start), interval) - day);
}

function daysOf(world: World): ReadonlyMap<string, Day> {
  const known = remembered.get(world);
  if (known !== undefined) return known;
  const index = ActivityIndex.of(world);
  const days = new Map<string, Day>();
  for (let position = 0; position < index.size; position++) {
    const name = dateInZone(index.momentAt(position));
    let entry = days.get(name);
    if (entry === undefined) days.set(name, (entry = noMoves()));
    const type = index.typeAt(position);
    entry.movements[type] += index.movementAt(position);
    entry.counts[type]++;
  }
  remembered.set(world, days);
  return days;
}

function firstDay(at: number, interval: Interval): number {
  const moment = new Date(at);
  if (interval === 'day') return at;
  // The account's week starts on Monday.
  if (interval === 'week') return at - ((moment.getUTCDay() + 6) % 7) * day;
  const month = moment.getUTCMonth();
  return Date.UTC(moment.getUTCFullYear(), month - (month % monthsIn[interval]));
}

function nextStart(at: number, interval: Interval): number {
  if (interval === 'day') return at + day;
  if (interval === 'week') return at + 7 * day;
  return addMonths(at, monthsIn[interval]);
}
