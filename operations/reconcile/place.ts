import { lowestVersionSql, positionIn } from '../../core/kafka/message-time.ts';

/** Position of a message, or of a row's message. */
export interface Place {
  /** Time in ms × 2^64 + offset. */
  readonly version: bigint;
  readonly partition: number;
  readonly offset: bigint;
}

/** End offsets by partition. */
export type Ends = ReadonlyMap<number, bigint>;

/**
 * Returns whether no message can belong to a row: its offset is beyond the end of the log, or
 * negative. A row of a deleted topic of the same name is not foreign, because it is older than the
 * topic.
 * @param sinceMs time of the topic's first message. If it is unknown, no row is foreign.
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

/** Returns whether the offset is within the log. */
export function isWithin({ partition, offset }: Omit<Place, 'version'>, ends: Ends): boolean {
  return offset >= 0n && offset < (ends.get(partition) ?? 0n);
}

/** Returns {@link isForeign} for the rows of a storage table, as a SQL condition. */
export function foreignSql(ends: Ends, sinceMs: bigint): string {
  const partitions = [...ends.keys()].join(', ');
  const offsets = [...ends.values()].map((end) => `toInt64(${end})`).join(', ');
  const end = ends.size === 0 ? '0' : `transform(_partition, [${partitions}], [${offsets}], toInt64(0))`;
  return `_version >= ${lowestVersionSql(sinceMs)} AND (_offset < 0 OR _offset >= ${end})`;
}
