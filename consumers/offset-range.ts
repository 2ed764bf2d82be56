/** What a batch holds of one partition: every message from the first offset to the last that the topic has. */
export interface OffsetRange {
  readonly partition: number;
  readonly first: number;
  /** Kafka's time of the first message in ms: with it a topic that was deleted and made again is told from its former self. */
  readonly firstTimeMs: number;
  last: number;
  lastTimeMs: number;
}

/**
 * The deduplication token of an insert: ranges, and as their epoch the times of their ends. The same messages give the same
 * token, and messages of a topic that was made again give another, though their offsets are the same.
 *
 * @param part tells apart the inserts that a batch was divided into.
 */
export function deduplicationToken(ranges: Iterable<OffsetRange>, part = ''): string {
  const texts = [...ranges]
    .sort((a, b) => a.partition - b.partition)
    .map(
      ({ partition, first, last, firstTimeMs, lastTimeMs }) =>
        `${partition}:${first}-${last}@${firstTimeMs}-${lastTimeMs}`,
    );
  return `${texts.join(',')}${part}`;
}
