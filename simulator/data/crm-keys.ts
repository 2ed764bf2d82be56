import { perRevision, type Key } from './key.ts';
import type { World } from './world.ts';

/**
 * Returns a member's records of one kind: `count` initial records, and one for each CRM change that
 * adds a record. Omits records that have vanished.
 */
export function crmKeys(
  world: World,
  member: number,
  kind: 'contact' | 'note' | 'opportunity' | 'task',
  count: number,
  newShare: number,
): Key[] {
  const first = Array.from({ length: count }, (_, index) => index);
  const later = world
    .changesOf(member, 'crm')
    .filter((revision) => world.random.chance(`${kind}.new`, newShare, member, revision))
    .map((revision) => revision * perRevision);
  return [...first, ...later]
    .map((ordinal) => ({ member, ordinal }))
    .filter((key) => world.vanishedIn(`${kind}.vanishes`, key) === undefined);
}

/** Returns the revisions that edited a record, oldest first. */
export function editsOf(world: World, { member, ordinal }: Key): number[] {
  return world.changesOf(member, 'crm').filter((revision) => ordinal < revision * perRevision);
}
