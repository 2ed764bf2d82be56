/**
 * What a record is, in two numbers: the member it belongs to and its ordinal there. Ordinals below `perRevision`
 * were there from the member's beginning; `revision * perRevision + n` came with that revision.
 */
export interface Key {
  readonly member: number;
  readonly ordinal: number;
}

/** Room for one member's new records of one kind in one revision. */
export const perRevision = 64;

/** The last revision whose ordinals still fit. */
export const lastRevision = 1023;

/** The revision a record came with, or undefined if it was there from its member's beginning. */
export function revisionOf(key: Key): number | undefined {
  return key.ordinal < perRevision ? undefined : Math.floor(key.ordinal / perRevision);
}

/** Negative where `left` comes first among records of one revision. */
export function compareKeys(left: Key, right: Key): number {
  return left.member - right.member || left.ordinal - right.ordinal;
}
