import { perRevision } from './key.ts';
import type { World } from './world.ts';

/**
 * Returns the ordinals of a member's records of one kind: the initial ones, then one for each CRM
 * change that added another.
 */
export function crmOrdinals(
  world: World,
  member: number,
  count: number,
  bringsAnother: (revision: number) => boolean,
): number[] {
  const first = Array.from({ length: count }, (_, index) => index);
  const later = world.changesOf(member, 'crm').filter(bringsAnother);
  return [...first, ...later.map((revision) => revision * perRevision)];
}
