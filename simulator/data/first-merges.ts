import type { Random } from './random.ts';

/** Merged from the beginning at any seed, both halves with one external_id. */
export const mergedFromTheStart = 7;

/** Returns whether a member is merged at revision 0 already. */
export function mergesAtFirst(random: Random, member: number): boolean {
  if (member % 2 === 0) return false;
  return member === mergedFromTheStart || (member > 10 && random.chance('merge.first', 0.03, member));
}

/** Returns the number of members for so many customers; some are merged from the beginning. */
export function membersFor(random: Random, customers: number): number {
  let members = 0;
  for (let seen = 0; seen < customers; members++) if (!mergesAtFirst(random, members)) seen++;
  return members;
}
