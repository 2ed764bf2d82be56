import { lowestVersionSql, positionIn } from '../../core/kafka/message-time.ts';

/** Where a message stands, or the message of a row. */
export interface Place {
  /** Its time in ms × 2^64 + its offset. */
  readonly version: bigint;
  readonly partition: number;
  readonly offset: bigint;
}

/** By partition of a topic, the offset that its next message will get. */
export type Ends = ReadonlyMap<number, bigint>;

/**
 * Whether a row stands where nobody has sent a message: at an offset that the topic has not come to, or that none has. A row of a former topic of that
 * name, which was deleted and made again, is none: it is older than the topic.
 *
 * @param sinceMs when the topic's first message came; undefined if nobody can tell, and then no row is foreign.
 */
export function isForeign(
  { version, partition, offset }: Place,
  ends: Ends,
  sinceMs: bigint | undefined,
): boolean {
  return (
    sinceMs !== undefined && positionIn(version).timeMs >= sinceMs && !isWithin({ partition, offset }, ends)
  );
}

/** Whether the topic has come to the offset. */
export function isWithin({ partition, offset }: Omit<Place, 'version'>, ends: Ends): boolean {
  return offset >= 0n && offset < (ends.get(partition) ?? 0n);
}

/** The same of a storage table's rows, as a condition in SQL. */
export function foreignSql(ends: Ends, sinceMs: bigint): string {
  const partitions = [...ends.keys()].join(', ');
  const offsets = [...ends.values()].map((end) => `toInt64(${end})`).join(', ');
  const end = ends.size === 0 ? '0' : `transform(_partition, [${partitions}], [${offsets}], toInt64(0))`;
  return `_version >= ${lowestVersionSql(sinceMs)} AND (_offset < 0 OR _offset >= ${end})`;
}
