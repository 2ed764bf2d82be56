import { mergedFromTheStart, type World } from './world.ts';

/**
 * Returns the customer (the number of its first member) to which a member belongs now; undefined if
 * it was deleted. Only an odd member is ever merged away, into the even member before it.
 */
export function holderOf(world: World, member: number): number | undefined {
  if (member < 0 || member >= world.members()) return undefined;
  if (isMergedAway(world, member)) return isDeleted(world, member - 1) ? undefined : member - 1;
  return isDeleted(world, member) ? undefined : member;
}

/**
 * Returns whether a member is the first of an existing customer. Each customer has exactly one
 * first member.
 */
export function isHolder(world: World, member: number): boolean {
  return holderOf(world, member) === member;
}

/** Returns the members of an existing customer, oldest first. */
export function membersOf(world: World, holder: number): number[] {
  return holderOf(world, holder + 1) === holder ? [holder, holder + 1] : [holder];
}

/**
 * Returns whether a merged member has the external_id of its other half, which is in another data
 * source.
 */
export function sharesExternalId(world: World, member: number): boolean {
  if (!world.isMergedAtFirst(member)) return false;
  return member === mergedFromTheStart || world.random.chance('merge.same', 0.5, member);
}

function isMergedAway(world: World, member: number): boolean {
  return world.isMergedAtFirst(member) || (isGone(world, member) && leavesByMerge(world, member));
}

function isDeleted(world: World, member: number): boolean {
  return !world.isMergedAtFirst(member) && isGone(world, member) && !leavesByMerge(world, member);
}

function isGone(world: World, member: number): boolean {
  return world.vanishedIn('customer.vanishes', { member, ordinal: 0 }) !== undefined;
}

function leavesByMerge(world: World, member: number): boolean {
  return member % 2 === 1 && world.random.chance('customer.merges', 0.6, member);
}
