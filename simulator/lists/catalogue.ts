import { nanoseconds } from '../data/instant.ts';
import { planGroups, planGroupUuid, renderPlanGroup, type PlanGroup } from '../data/plan-group.ts';
import { plans, planUuid, renderPlan, type Plan } from '../data/plan.ts';
import type { Rendered } from '../data/rendered.ts';
import { keyOf, type UuidKind } from '../data/uuid.ts';
import type { World } from '../data/world.ts';
import { accepting, type Filters } from '../filters.ts';
import { badCursor, idInCursor, toCursor, type List } from '../paging.ts';

/** Returns a short list, the same at every size and revision: newest first, like the long ones. */
function shortList<Item extends { readonly index: number }>(
  world: World,
  options: {
    readonly key: string;
    readonly uuid: UuidKind;
    readonly items: readonly Item[];
    readonly filters: Filters;
    readonly query: URLSearchParams;
    readonly render: (world: World, item: Item) => Rendered;
    readonly uuidOf: (world: World, item: Item) => string;
  },
): List<Item> {
  return {
    key: options.key,
    legacy: 'pages',
    rows(cursor) {
      const after =
        cursor === undefined ? Infinity : keyOf(world.random, options.uuid, idInCursor(cursor))?.member;
      if (after === undefined) throw badCursor();
      return options.items.filter(({ index }) => index < after).reverse();
    },
    render: (item) => options.render(world, item),
    accepts: accepting(options.query, options.filters),
    cursorOf: (item) => toCursor(nanoseconds(world.opened + item.index * 1000), options.uuidOf(world, item)),
  };
}

export function planList(world: World, query: URLSearchParams, among: readonly Plan[] = plans): List<Plan> {
  const system = query.get('system');
  const items = system === null ? among : among.filter((plan) => plan.source.system === system);
  const filters = { data_source_uuid: true, external_id: true } as const;
  return shortList(world, {
    key: 'plans',
    uuid: 'plan',
    items,
    filters,
    query,
    render: renderPlan,
    uuidOf: planUuid,
  });
}

export function planGroupList(world: World, query: URLSearchParams): List<PlanGroup> {
  return shortList(world, {
    key: 'plan_groups',
    uuid: 'plan_group',
    items: planGroups,
    filters: {},
    query,
    render: renderPlanGroup,
    uuidOf: planGroupUuid,
  });
}
