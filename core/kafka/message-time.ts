const OFFSET_BITS = 64n;
const OFFSET_MASK = (1n << OFFSET_BITS) - 1n;

/** The last instant of JavaScript's calendar. */
const LAST_MS = 8.64e15;

/**
 * Returns a message's time in ms. All code of the project reads message times through this
 * function. Producers may set any time; -1 means none. Times before 1970 count as 1970, because
 * `_version` is unsigned; only their offsets order them.
 */
export function messageTimeMs(timestamp: string): number {
  return Math.min(Math.max(Number(timestamp), 0), LAST_MS);
}

/**
 * Returns the `_version` of a message. The highest `_version` of a key is the latest.
 * `writeSystemColumns` writes it byte by byte.
 */
export function versionOf({ timestamp, offset }: { timestamp: string; offset: string }): bigint {
  return (BigInt(messageTimeMs(timestamp)) << OFFSET_BITS) + BigInt(offset);
}

export function positionIn(version: bigint): { readonly offset: bigint; readonly timeMs: bigint } {
  return { offset: version & OFFSET_MASK, timeMs: version >> OFFSET_BITS };
}

/** Returns, as SQL, the lowest `_version` that a message of this time can have. */
export function lowestVersionSql(timeMs: bigint): string {
  return `bitShiftLeft(toUInt128(${timeMs}), ${OFFSET_BITS})`;
}

/**
 * A limit above the `_version` of any message. Old releases wrote higher versions for times before
 * 1970.
 */
export const versionLimitSql = 'bitShiftLeft(toUInt128(1), 127)';
