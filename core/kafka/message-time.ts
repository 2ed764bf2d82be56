const OFFSET_BITS = 64n;
const OFFSET_MASK = (1n << OFFSET_BITS) - 1n;

/** The last instant of JavaScript's calendar. */
const LAST_MS = 8.64e15;

/**
 * A message's time in ms, as every part of the project reads it. Producers may send any: -1 says that there is none. What lies before
 * 1970 counts as 1970, since `_version` has no sign, and offsets decide among such messages.
 */
export function messageTimeMs(timestamp: string): number {
  return Math.min(Math.max(Number(timestamp), 0), LAST_MS);
}

/** The `_version` of a message's row: the highest of a key is the latest. `writeSystemColumns` writes the same number. */
export function versionOf({ timestamp, offset }: { timestamp: string; offset: string }): bigint {
  return (BigInt(messageTimeMs(timestamp)) << OFFSET_BITS) + BigInt(offset);
}

/** Time and offset in a `_version`. */
export function positionIn(version: bigint): { readonly offset: bigint; readonly timeMs: bigint } {
  return { offset: version & OFFSET_MASK, timeMs: version >> OFFSET_BITS };
}

/** No message has this version or a higher one; rows that were written of times before 1970 once had. */
export const versionLimitSql = 'bitShiftLeft(toUInt128(1), 127)';
