import { compareKeys, revisionOf, type Key } from './key.ts';
import type { World } from './world.ts';

/**
 * Yields the records of one kind that follow `after`, most recently created first. The walk starts
 * directly at a computed position, so the cost of a page depends only on its size. The record at
 * `after` may no longer exist.
 *
 * @param itemsOf returns a member's records as they exist now, ordinals ascending.
 * @param members the only members whose records are yielded; all if undefined.
 */
export function* newestFirst<Item extends Key>(
  world: World,
  itemsOf: (member: number) => readonly Item[],
  after?: Key,
  members?: readonly number[],
): Iterable<Item> {
  if (members !== undefined) return yield* newestOf(world, itemsOf, members, after);
  const start = after === undefined ? world.revision : (revisionOf(after) ?? world.bornIn(after.member));
  for (let revision = start; revision >= 0; revision--) {
    const resume = revision === start ? after : undefined;
    const newest = resume?.member ?? world.members(revision) - 1;
    for (let member = newest; member >= 0; member--) {
      const born = world.bornIn(member);
      if (revision > born && world.changeIn(revision, member) === undefined) continue;
      const items = itemsOf(member);
      for (let index = items.length - 1; index >= 0; index--) {
        const item = items[index];
        if (item === undefined || (revisionOf(item) ?? born) !== revision) continue;
        if (resume === undefined || compareKeys(item, resume) < 0) yield item;
      }
    }
  }
}

/** Returns the records of a few members without a walk over all others. */
function newestOf<Item extends Key>(
  world: World,
  itemsOf: (member: number) => readonly Item[],
  members: readonly number[],
  after?: Key,
): Item[] {
  const age = (key: Key) => revisionOf(key) ?? world.bornIn(key.member);
  const newer = (left: Key, right: Key) => age(right) - age(left) || compareKeys(right, left);
  const items = members.flatMap((member) => [...itemsOf(member)]).sort(newer);
  return after === undefined ? items : items.filter((item) => newer(after, item) < 0);
}
