/** The newest rows that a table holds of one partition. */
export interface PartitionRows {
  /** Offset and Kafka's time in ms of the row with the highest `_version`. */
  readonly newest: MessagePosition;
  /** The same of the row with the highest `_offset`. */
  readonly highest: MessagePosition;
}

export interface MessagePosition {
  readonly offset: bigint;
  readonly timeMs: bigint;
}

/** What the partition holds now. */
export interface PartitionLog {
  /** Its first offset. */
  readonly start: bigint;
  /** The offset that its next message will get. */
  readonly end: bigint;
  /** The offset of the first message that is as late as `timeMs`; the end if there is none. */
  firstOffsetSince(timeMs: bigint): Promise<bigint>;
}

/**
 * Where a sink goes on with a partition of which the table holds some rows.
 *
 * - Rows of the log as it is: behind the highest offset. Every insert is one block of contiguous ranges, so nothing below it is
 *   missing.
 * - Rows of a topic that was deleted and made again: from the start. It is told by the log's end, or by its first message
 *   being later than the table's newest row, which can only be if that row's message has gone.
 * - Both: behind the newest of those that belong to the log as it is.
 */
export async function resumeOffset(rows: PartitionRows | undefined, log: PartitionLog): Promise<bigint> {
  if (rows === undefined) return log.start;
  if (await isOfLog(rows.highest, log)) return behind(rows.highest, log);
  if (rows.newest.offset !== rows.highest.offset && (await isOfLog(rows.newest, log)))
    return behind(rows.newest, log);
  return log.start;
}

async function isOfLog({ offset, timeMs }: MessagePosition, log: PartitionLog): Promise<boolean> {
  if (offset >= log.end) return false;
  const firstLater = await log.firstOffsetSince(timeMs + 1n);
  if (firstLater > offset) return true;
  return firstLater !== (await log.firstOffsetSince(0n));
}

/** Retention may have taken what was not read in time. */
function behind({ offset }: MessagePosition, log: PartitionLog): bigint {
  return offset + 1n < log.start ? log.start : offset + 1n;
}
