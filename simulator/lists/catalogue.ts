import { badParameter } from '../answer.ts';
import { nanoseconds } from '../data/instant.ts';
import { planGroups, plans, renderPlan, renderPlanGroup, type Plan, type PlanGroup } from '../data/plan.ts';
import { keyOf, uuidOf } from '../data/uuid.ts';
import type { World } from '../data/world.ts';
import { accepting } from '../filters.ts';
import { idInCursor, toCursor, type List } from '../paging.ts';

/** Lists items that are the same at every size and revision, newest first. */
function shortList<Item extends { readonly index: number }>(
  world: World,
  uuid: 'plan' | 'plan_group',
  items: readonly Item[],
): Pick<List<Item>, 'legacy' | 'rows' | 'cursorOf'> {
  return {
    legacy: 'pages',
    rows(cursor) {
      const after = cursor === undefined ? Infinity : keyOf(world.random, uuid, idInCursor(cursor))?.member;
      if (after === undefined) throw badParameter('cursor', 'invalid');
      return items.filter(({ index }) => index < after).reverse();
    },
    cursorOf: ({ index }) =>
      toCursor(
        nanoseconds(world.opened + index * 1000),
        uuidOf(world.random, uuid, { member: index, ordinal: 0 }),
      ),
  };
}

export function planList(world: World, query: URLSearchParams, among: readonly Plan[] = plans): List<Plan> {
  const system = query.get('system');
  const items = among.filter(({ source }) => system === null || source.system === system);
  return {
    ...shortList(world, 'plan', items),
    key: 'plans',
    render: (plan) => renderPlan(world, plan),
    accepts: accepting(query, { data_source_uuid: true, external_id: true }),
  };
}

export function planGroupList(world: World): List<PlanGroup> {
  return {
    ...shortList(world, 'plan_group', planGroups),
    key: 'plan_groups',
    render: (group) => renderPlanGroup(world, group),
  };
}
