/**
 * Identifies a record by two numbers: the member it belongs to and its ordinal there. Ordinals
 * below `perRevision` are there from the member's beginning; `revision * perRevision + n` came with
 * that revision.
 */
export interface Key {
  readonly member: number;
  readonly ordinal: number;
}

/** Room for one member's new records of one kind in one revision. */
export const perRevision = 64;

/** The last revision whose ordinals still fit. */
export const lastRevision = 1023;

/** Returns the revision of a record; undefined if it was there from its member's beginning. */
export function revisionOf(key: Key): number | undefined {
  return key.ordinal < perRevision ? undefined : Math.floor(key.ordinal / perRevision);
}

/** Returns a negative number if `left` comes first among records of one revision. */
export function compareKeys(left: Key, right: Key): number {
  return left.member - right.member || left.ordinal - right.ordinal;
}
