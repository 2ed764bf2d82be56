import { plans, type Plan } from './plan.ts';
import { uuidOf } from './uuid.ts';
import type { Rendered } from './rendered.ts';
import type { World } from './world.ts';

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
