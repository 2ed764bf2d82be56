import { day } from './instant.ts';
import { findPlan, type Plan } from './plan.ts';
import { dataSourceOf } from './data-source.ts';
import type { World } from './world.ts';

/** How customers sign up, what they buy, and how they grow and leave. */

/** A member that always pays, for any seed, in a currency whose amounts exceed 32 bits. */
export const neverLeaves = 0;
/** A member that starts as a lead for any seed. */
const neverPays = 3;

export type Path = 'trial' | 'free' | 'sales';

const paths: readonly Path[] = [
  'trial',
  'trial',
  'trial',
  'trial',
  'trial',
  'free',
  'free',
  'sales',
  'sales',
];

/** The share of members who pay from their sign-up on, by how they found the product. */
const conversion: Readonly<Record<Path, number>> = { trial: 0.65, free: 0.55, sales: 0.85 };

export const trialDays = 14;

/** Returns how a member found the product: a trial, the free plan, or a call with sales. */
export function pathOf(world: World, member: number): Path {
  return member === neverLeaves || member === neverPays ? 'sales' : world.random.pick('path', paths, member);
}

/**
 * Returns whether a member pays from its sign-up on. A later revision may still convert other
 * members.
 */
export function paysAtFirst(world: World, member: number): boolean {
  if (member === neverLeaves) return true;
  return member !== neverPays && world.random.chance('pays', conversion[pathOf(world, member)], member);
}

/** Seats of the median team, and how quickly larger teams become rare. */
const team = { median: 5, steepness: 1.7 };

/**
 * Returns the seats of the first purchase: many small teams, and a few large ones up to the limit.
 */
export function firstSeats(world: World, member: number, index: number): number {
  if (member === neverLeaves) return 12;
  if (isSideline(world, member, index)) return world.random.integer('seats.few', 1, 2, member, index);
  const below = 1 / (1 + (world.largestTeam / team.median) ** -team.steepness);
  const share = world.random.share('seats', member) * below;
  return Math.max(1, Math.round(team.median * (share / (1 - share)) ** (1 / team.steepness)));
}

/**
 * Returns whether the subscription is a member's second, or belongs to the second half of a
 * customer in two data sources.
 */
function isSideline(world: World, member: number, index: number): boolean {
  return index > 0 || world.isMergedAtFirst(member);
}

/** Returns the plan of the first purchase. Larger teams more often buy larger plans. */
export function firstPlan(world: World, member: number, index: number, seats: number): Plan {
  const { random } = world;
  const source = dataSourceOf(world, member);
  if (member === neverLeaves) return findPlan(source, 2, 'Annual');
  const felt = seats * (0.6 + random.share('tier', member, index));
  const tier = felt < 4 ? 1 : felt < 14 ? 2 : 3;
  const interval = random.share('interval', member, index);
  return findPlan(
    source,
    tier,
    interval < 0.3 + 0.07 * tier ? 'Annual' : interval > 0.88 ? 'Other' : 'Monthly',
  );
}

/**
 * The age in months that 37% of the subscriptions reach, by tier. Annual plans reach 1.4 times this
 * age.
 */
const lifetimes = [12, 28, 45, 75];

/**
 * Returns how many days a subscription lasts after a start or restart. The longer it has lasted,
 * the less likely it is to end (a Weibull distribution with a shape below 1).
 */
export function lifetimeOf(world: World, plan: Plan, member: number, ordinal: number): number {
  if (member === neverLeaves) return Infinity;
  const scale = (lifetimes[plan.tier] ?? Infinity) * (plan.intervalUnit === 'year' ? 1.4 : 1);
  const left = 1 - world.random.share('lifetime', member, ordinal);
  return 30.44 * scale * (-Math.log(left)) ** (1 / 0.75);
}

/**
 * Returns the days until the next change to a subscription: 1 to 15 months, with shorter times more
 * likely.
 */
export function daysToChange(world: World, member: number, ordinal: number): number {
  return 30 + 420 * world.random.share('wait', member, ordinal) ** 2;
}

/** Returns the days until a customer comes back; Infinity if it never does. */
export function daysToReturn(world: World, member: number, ordinal: number): number {
  const share = world.random.share('returns', member, ordinal);
  return share < 0.3 ? 20 + share * 1000 : Infinity;
}

/**
 * Returns a number of seats that differs from `seats` by up to a third, or by one in a small team,
 * and does not exceed the largest team.
 */
export function seatsAfter(
  world: World,
  seats: number,
  grows: boolean,
  member: number,
  ordinal: number,
): number {
  const share = world.random.share('seats.change', member, ordinal);
  const change = Math.max(1, Math.round((seats * share) / 3));
  const next = grows ? Math.min(seats + change, world.largestTeam) : seats - change;
  if (next >= 1 && next !== seats) return next;
  return seats > 1 ? seats - 1 : 2;
}

const churnReasons = [
  ...['Too expensive', 'Too expensive', 'Too expensive', 'Missing features', 'Missing features'],
  ...['Switched to a competitor', 'Switched to a competitor', 'Low usage', 'Low usage'],
  ...['Project ended', 'Company closed', 'Poor support'],
];

/** Returns the reason that a customer gave for a cancellation. */
export function churnReason(world: World, member: number, ordinal: number): string {
  return world.random.pick('churn', churnReasons, member, ordinal);
}

/** Returns the start of the free plan for a customer who pays from `paidAt` on. */
export function freeFrom(world: World, member: number, paidAt: number): number {
  return paidAt - world.random.integer('free.days', 10, 150, member) * day;
}
