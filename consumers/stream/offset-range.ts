/** What a batch holds of one partition: every message from the first offset to the last that the topic has. */
export interface OffsetRange {
  readonly partition: number;
  readonly first: number;
  /** Kafka's time of the first message in ms. */
  readonly firstTimeMs: number;
  last: number;
  lastTimeMs: number;
}

/**
 * The deduplication token of an insert: the topic's id, ranges, and the times of their ends. The same messages give the same
 * token, and messages of a topic that was made again give another, though their offsets are the same.
 *
 * @param topicId 0 where it is not known: then only the times tell topics apart.
 * @param part tells apart the inserts that a batch was divided into.
 */
export function deduplicationToken(topicId: bigint, ranges: Iterable<OffsetRange>, part = ''): string {
  const texts = [...ranges]
    .sort((a, b) => a.partition - b.partition)
    .map(
      ({ partition, first, last, firstTimeMs, lastTimeMs }) =>
        `${partition}:${first}-${last}@${firstTimeMs}-${lastTimeMs}`,
    );
  return `${topicId === 0n ? '' : `${topicId.toString(16)}/`}${texts.join(',')}${part}`;
}
