import { addMonths, day } from './instant.ts';
import { dataSources, dataSourceUuid, type DataSource } from './data-source.ts';
import { uuidOf } from './uuid.ts';
import type { Rendered } from './rendered.ts';
import type { World } from './world.ts';

/** 'Other' is an interval that only some products offer and few customers use. */
type Interval = 'Monthly' | 'Annual' | 'Other';

interface Offer {
  readonly name: string;
  /** 0 is the free product. An upgrade leads to a higher tier. */
  readonly tier: number;
  readonly interval: Interval;
  readonly intervalUnit: 'day' | 'month' | 'year';
  readonly intervalCount: number;
  /** Price of one seat for one interval, in cents of the account's currency. */
  readonly price: number;
}

export interface Plan extends Offer {
  readonly index: number;
  readonly source: DataSource;
  readonly externalId: string;
}

const products = ['Free', 'Starter', 'Team', 'Business'] as const;

const monthly = { interval: 'Monthly', intervalUnit: 'month', intervalCount: 1 } as const;
const annual = { interval: 'Annual', intervalUnit: 'year', intervalCount: 1 } as const;
const quarterly = { interval: 'Other', intervalUnit: 'month', intervalCount: 3 } as const;
const thirtyDays = { interval: 'Other', intervalUnit: 'day', intervalCount: 30 } as const;

const offers: readonly Offer[] = [
  { name: 'Free', tier: 0, price: 0, ...monthly },
  { name: 'Starter Monthly', tier: 1, price: 1900, ...monthly },
  { name: 'Starter Annual', tier: 1, price: 19_000, ...annual },
  { name: 'Early Bird "2023" 🐣', tier: 1, price: 1500, ...thirtyDays },
  { name: 'Team Monthly', tier: 2, price: 2900, ...monthly },
  { name: 'Team Quarterly', tier: 2, price: 8300, ...quarterly },
  { name: 'Team Annual', tier: 2, price: 29_000, ...annual },
  { name: 'Business Monthly', tier: 3, price: 4900, ...monthly },
  { name: 'Business Annual', tier: 3, price: 49_000, ...annual },
];

/** Every plan of the account: each offer in each source that is used. */
export const plans: readonly Plan[] = dataSources
  .filter((source) => source.weight > 0)
  .flatMap((source) =>
    offers.map((offer) => ({
      ...offer,
      source,
      externalId: (offer.name.toLowerCase().match(/[a-z0-9]+/g) ?? []).join('_'),
    })),
  )
  .map((plan, index) => ({ ...plan, index }));

/** Returns a source's plan in a tier, with this interval if there is such a plan. */
export function findPlan(source: DataSource, tier: number, interval: Interval): Plan {
  let found: Plan | undefined;
  for (let index = source.index * offers.length; index < plans.length; index++) {
    const plan = plans[index];
    if (plan === undefined || plan.source.index !== source.index) break;
    if (plan.tier !== tier) continue;
    if (plan.interval === interval) return plan;
    found ??= plan;
  }
  if (found === undefined) throw new RangeError(`no plan in tier ${tier}`);
  return found;
}

/**
 * Returns the paid plan one tier up or down with the same interval; `plan` itself if there is none.
 */
export function nextTier(plan: Plan, step: 1 | -1): Plan {
  const tier = plan.tier + step;
  if (tier < 1 || tier >= products.length) return plan;
  const next = findPlan(plan.source, tier, plan.interval);
  return next.intervalUnit === plan.intervalUnit && next.intervalCount === plan.intervalCount ? next : plan;
}

/** Returns the MRR of one seat of the plan in cents, not rounded. */
export function monthlyPrice(plan: Plan): number {
  if (plan.intervalUnit === 'day') return (plan.price * 365) / 12 / plan.intervalCount;
  return plan.price / (plan.intervalCount * (plan.intervalUnit === 'year' ? 12 : 1));
}

/** Returns the end of the nth period of a plan that began at `anchor`. */
export function periodEnd(plan: Plan, anchor: number, periods: number): number {
  const count = plan.intervalCount * periods;
  if (plan.intervalUnit === 'day') return anchor + count * day;
  return addMonths(anchor, plan.intervalUnit === 'year' ? count * 12 : count);
}

/**
 * Returns the end of the period that is current about the given number of days after a plan began
 * at `anchor`. Months and years count with their average length.
 */
export function periodEndAfter(plan: Plan, anchor: number, days: number): number {
  const unit = { day: 1, month: 30.44, year: 365.25 }[plan.intervalUnit];
  return periodEnd(plan, anchor, Math.ceil(days / (unit * plan.intervalCount)));
}

export function planUuid(world: World, plan: Plan): string {
  return uuidOf(world.random, 'plan', { member: plan.index, ordinal: 0 });
}

export function renderPlan(world: World, plan: Plan): Rendered {
  return {
    uuid: planUuid(world, plan),
    data_source_uuid: dataSourceUuid(world, plan.source),
    name: plan.name,
    interval_count: plan.intervalCount,
    interval_unit: plan.intervalUnit,
    external_id: plan.externalId,
    ...(world.isDrifting && { 'billing-scheme': 'per_unit' }),
  };
}

export interface PlanGroup {
  readonly index: number;
  readonly name: string;
  readonly plans: readonly Plan[];
}

/** One group for each product, one for all plans that are billed annually, and an empty group. */
export const planGroups: readonly PlanGroup[] = [
  ...products.map((name, tier) => ({ name, plans: plans.filter((plan) => plan.tier === tier) })),
  { name: 'Paid by the year', plans: plans.filter((plan) => plan.intervalUnit === 'year') },
  { name: 'Nothing yet', plans: [] },
].map((group, index) => ({ ...group, index }));

export function planGroupUuid(world: World, group: PlanGroup): string {
  return uuidOf(world.random, 'plan_group', { member: group.index, ordinal: 0 });
}

export function renderPlanGroup(world: World, group: PlanGroup): Rendered {
  return { uuid: planGroupUuid(world, group), name: group.name, plans_count: group.plans.length };
}
