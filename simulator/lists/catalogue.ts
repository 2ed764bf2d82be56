import { badParameter } from '../answer.ts';
import { nanoseconds } from '../data/instant.ts';
import { planGroups, plans, renderPlan, renderPlanGroup, type Plan, type PlanGroup } from '../data/plan.ts';
import { keyOf, uuidOf } from '../data/uuid.ts';
import type { World } from '../data/world.ts';
import { accepting } from '../filters.ts';
import { idInCursor, toCursor, type List } from '../paging.ts';
import { withImported, type ImportedRow } from './with-imported.ts';

/** Lists items that do not depend on the size or revision of the account, newest first. */
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

/** @param among the plans to list; if undefined, all plans including imported ones. */
export function planList(
  world: World,
  query: URLSearchParams,
  among?: readonly Plan[],
): List<Plan | ImportedRow> {
  const system = query.get('system');
  const items = (among ?? plans).filter(({ source }) => system === null || source.system === system);
  const generated: List<Plan> = {
    ...shortList(world, 'plan', items),
    key: 'plans',
    render: (plan) => renderPlan(world, plan),
    accepts: accepting(query, { data_source_uuid: true, external_id: true }),
  };
  return withImported(generated, among === undefined ? world.imported.all('plans') : [], 'first');
}

export function planGroupList(world: World): List<PlanGroup> {
  return {
    ...shortList(world, 'plan_group', planGroups),
    key: 'plan_groups',
    render: (group) => renderPlanGroup(world, group),
  };
}
