import type { RowBuffer } from './row-buffer.ts';

const SYSTEM_BYTES = 49;
const TWO_TO_32 = 2 ** 32;

/**
 * Writes the system columns after the field columns of a row, in the order of `systemColumns`.
 * Takes many parameters instead of an object, because it runs for every message. `schemaId` is 0
 * for a delete.
 */
export function writeSystemColumns(
  rows: RowBuffer,
  partition: number,
  offset: number,
  timeMs: number,
  schemaId: number,
  isDeleted: boolean,
  topic: TopicIdHalves,
): void {
  const bytes = rows.reserve(SYSTEM_BYTES);
  const at = rows.length;
  const offsetHigh = Math.floor(offset / TWO_TO_32);
  const timeHigh = Math.floor(timeMs / TWO_TO_32);
  // _version as `versionOf` computes it, little endian: the offset is the lower half, the time the
  // upper.
  writeInt32(bytes, at, offset | 0);
  writeInt32(bytes, at + 4, offsetHigh);
  writeInt32(bytes, at + 8, timeMs | 0);
  writeInt32(bytes, at + 12, timeHigh);
  bytes[at + 16] = isDeleted ? 1 : 0;
  writeInt32(bytes, at + 17, partition);
  writeInt32(bytes, at + 21, offset | 0);
  writeInt32(bytes, at + 25, offsetHigh);
  writeInt32(bytes, at + 29, timeMs | 0);
  writeInt32(bytes, at + 33, timeHigh);
  writeInt32(bytes, at + 37, schemaId);
  writeInt32(bytes, at + 41, topic.low);
  writeInt32(bytes, at + 45, topic.high);
  rows.length = at + SYSTEM_BYTES;
}

/** A topic id as two 32-bit integers: BigInt arithmetic for every message would be slow. */
export interface TopicIdHalves {
  readonly low: number;
  readonly high: number;
}

export function topicIdHalves(topicId: bigint): TopicIdHalves {
  return { low: Number(BigInt.asIntN(32, topicId)), high: Number(BigInt.asIntN(32, topicId >> 32n)) };
}

function writeInt32(bytes: Buffer, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}
