import { addMonths, day } from './instant.ts';
import { dataSources, dataSourceUuid, type DataSource } from './data-source.ts';
import { uuidOf } from './uuid.ts';
import type { Rendered } from './rendered.ts';
import type { World } from './world.ts';

export interface Plan {
  readonly index: number;
  readonly source: DataSource;
  readonly name: string;
  readonly externalId: string;
  readonly intervalUnit: 'day' | 'month' | 'year';
  readonly intervalCount: number;
  /** Price of one seat for one interval, in cents. */
  readonly price: number;
  /** 0 is the smallest product: an upgrade goes to a higher one. */
  readonly tier: number;
}

const products = [
  { name: 'Starter', code: 'starter', monthly: 2900 },
  { name: 'Team', code: 'team', monthly: 9900 },
  { name: 'Business', code: 'business', monthly: 29_900 },
  { name: 'Größer & "Better"', code: 'better', monthly: 79_900 },
  { name: 'Enterprise 🏢', code: 'enterprise', monthly: 149_900 },
];

const intervals = [
  { unit: 'month', count: 1, months: 1, word: 'Monthly' },
  { unit: 'month', count: 3, months: 2.85, word: 'Quarterly' },
  { unit: 'year', count: 1, months: 10, word: 'Annual' },
  { unit: 'day', count: 30, months: 1, word: '30 Days' },
] as const;

/** Every plan of the account: each product and interval in each source that is used. */
export const plans: readonly Plan[] = dataSources
  .filter((source) => source.weight > 0)
  .flatMap((source) =>
    products.flatMap(({ name, code, monthly }, tier) =>
      intervals.map(({ unit, count, months, word }) => ({
        source,
        name: `${name} ${word}`,
        externalId: `${code}_${word.toLowerCase().replace(' ', '_')}`,
        intervalUnit: unit,
        intervalCount: count,
        price: Math.round(monthly * months),
        tier,
      })),
    ),
  )
  .map((plan, index) => ({ ...plan, index }));

/** Returns the plan with this tier and the same interval, or the nearest there is. */
export function planInTier(plan: Plan, tier: number): Plan {
  const nearest = Math.min(Math.max(tier, 0), products.length - 1);
  return plans[plan.index + (nearest - plan.tier) * intervals.length] ?? plan;
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

/** One group for each product, one for everything that is paid by the year, and an empty one. */
export const planGroups: readonly PlanGroup[] = [
  ...[0, 1, 2, 3, 4].map((tier) => ({
    name: `Tier ${tier + 1}`,
    plans: plans.filter((plan) => plan.tier === tier),
  })),
  { name: 'Paid by the year', plans: plans.filter((plan) => plan.intervalUnit === 'year') },
  { name: 'Nothing yet', plans: [] },
].map((group, index) => ({ ...group, index }));

export function planGroupUuid(world: World, group: PlanGroup): string {
  return uuidOf(world.random, 'plan_group', { member: group.index, ordinal: 0 });
}

export function renderPlanGroup(world: World, group: PlanGroup): Rendered {
  return { uuid: planGroupUuid(world, group), name: group.name, plans_count: group.plans.length };
}
