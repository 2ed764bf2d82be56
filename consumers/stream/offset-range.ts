/** The messages of one partition in a batch: all that the topic has between two offsets. */
export interface OffsetRange {
  readonly partition: number;
  readonly first: number;
  /** Kafka's time of the first message in ms. */
  readonly firstTimeMs: number;
  last: number;
  lastTimeMs: number;
}

/**
 * Returns the deduplication token of an insert: topic id, ranges, and the times of their ends. A
 * recreated topic gives other tokens for the same offsets.
 *
 * @param topicId 0 if unknown: then only the times distinguish topics.
 * @param part distinguishes the inserts of one batch.
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
