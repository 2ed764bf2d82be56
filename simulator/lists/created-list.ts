import { badParameter } from '../answer.ts';
import { holderByUuid, membersByExternalId } from '../data/customer.ts';
import { nanoseconds } from '../data/instant.ts';
import type { Key } from '../data/key.ts';
import { membersOf } from '../data/merge.ts';
import { keyOf, uuidOf, type UuidKind } from '../data/uuid.ts';
import { newestFirst } from '../data/walk.ts';
import type { World } from '../data/world.ts';
import type { Rendered } from '../data/rendered.ts';
import { accepting, type Filters } from '../filters.ts';
import { idInCursor, toCursor, type List } from '../paging.ts';

/** The properties that differ between the lists that are in order of creation. */
export interface CreatedKind<Item extends Key> extends Pick<List<Item>, 'key' | 'legacy' | 'whenEmpty'> {
  readonly uuid: UuidKind;
  readonly filters: Filters;
  itemsOf(world: World, member: number): readonly Item[];
  render(world: World, item: Item): Rendered;
  createdAt(world: World, item: Item): number;
}

/** Lists records newest first. A cursor consists of a creation time and a uuid. */
export function createdList<Item extends Key>(
  world: World,
  query: URLSearchParams,
  kind: CreatedKind<Item>,
  members = membersAsked(world, query),
): List<Item> {
  const itemsOf = (member: number) => kind.itemsOf(world, member);
  return {
    ...kind,
    rows(cursor) {
      const after = cursor === undefined ? undefined : keyOf(world.random, kind.uuid, idInCursor(cursor));
      if (cursor !== undefined && after === undefined) throw badParameter('cursor', 'invalid');
      return newestFirst(world, itemsOf, after, members);
    },
    render: (item) => kind.render(world, item),
    accepts: accepting(query, kind.filters),
    cursorOf: (item) =>
      toCursor(nanoseconds(kind.createdAt(world, item)), uuidOf(world.random, kind.uuid, item)),
  };
}

/**
 * Returns the members to which the query limits a list; undefined if it does not name a customer.
 */
export function membersAsked(world: World, query: URLSearchParams): readonly number[] | undefined {
  const uuid = query.get('customer_uuid');
  if (uuid !== null) {
    const holder = holderByUuid(world, uuid);
    return holder === undefined ? [] : membersOf(world, holder);
  }
  const externalId = query.get('customer_external_id');
  return externalId === null ? undefined : membersByExternalId(world, externalId);
}
