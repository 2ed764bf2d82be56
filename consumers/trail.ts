/** Of one partition: the highest offset that is a row, and how many messages behind it were set aside. */
export interface Trail {
  readonly highest: bigint | undefined;
  readonly letters: number;
}

/** What the trail was of: another topic or table says nothing of it. */
export interface TrailOwner {
  /** Kafka's id of the topic; 0 where it is not known. */
  readonly topicId: bigint;
  /** Empty where there is no table. */
  readonly table: string;
}

export interface CommittedOffset {
  readonly offset: bigint;
  /** What {@link trailText} gave, if the commit is the sink's. */
  readonly metadata: string;
}

/** The trail with what came after it. */
export function extended(before: Trail | undefined, { highest, letters }: Trail): Trail {
  if (highest !== undefined || before === undefined) return { highest, letters };
  return { highest: before.highest, letters: before.letters + letters };
}

/** A trail as the metadata of a commit. */
export function trailText({ highest, letters }: Trail, { topicId, table }: TrailOwner): string {
  return [topicId, table, highest ?? '', letters].join(' ');
}

/**
 * The trail that a commit tells of, where it lets a sink go on behind what the table says: what stands between is set aside. Undefined where
 * it does not: the table was made anew or has lost rows, the topic is another, or nothing was set aside. The letters are still to be looked for.
 *
 * @param next where a sink goes on by the table's rows.
 * @param highest the table's of the partition.
 */
export function trailIn(
  { offset, metadata }: CommittedOffset,
  owner: TrailOwner,
  {
    next,
    highest,
    end,
  }: { readonly next: bigint; readonly highest: bigint | undefined; readonly end: bigint },
): Trail | undefined {
  const letters = Number(/^\d+ \S* \d* (\d{1,15})$/.exec(metadata)?.[1] ?? 0);
  if (owner.topicId === 0n || letters === 0 || offset <= next || offset > end) return undefined;
  const trail = { highest, letters };
  return metadata === trailText(trail, owner) ? trail : undefined;
}
