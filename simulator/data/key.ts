/**
 * Identifies a record by two numbers: the member to which it belongs, and its ordinal within the
 * member. A record with an ordinal below `perRevision` was created with the member. The ordinals of
 * records that were created in a later revision start at `revision * perRevision`.
 */
export interface Key {
  readonly member: number;
  readonly ordinal: number;
}

/** The maximum number of a member's new records of one kind in one revision. */
export const perRevision = 64;

/** The last revision whose ordinals fit into 16 bits. */
export const lastRevision = 1023;

/** Returns the revision of a record; undefined if it was created with its member. */
export function revisionOf(key: Key): number | undefined {
  return key.ordinal < perRevision ? undefined : Math.floor(key.ordinal / perRevision);
}

/** Returns a negative number if `left` comes first among records of one revision. */
export function compareKeys(left: Key, right: Key): number {
  return left.member - right.member || left.ordinal - right.ordinal;
}
