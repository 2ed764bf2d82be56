import { perRevision } from './key.ts';
import type { World } from './world.ts';

/** The ordinals of a member's records of one kind: those it began with, then one for each CRM change that brought another. */
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
