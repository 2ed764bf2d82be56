import type { CommittedOffset } from '../../core/kafka/admin.ts';
import type { OffsetSpan } from '../../core/kafka/topic-reader.ts';

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

/** The trail with what came after it. */
export function extended(before: Trail | undefined, { highest, letters }: Trail): Trail {
  if (highest !== undefined || before === undefined) return { highest, letters };
  return { highest: before.highest, letters: before.letters + letters };
}

/**
 * A trail as the metadata of a commit.
 *
 * @param block the last that was inserted into the table, for {@link blockOf}; empty if unknown.
 */
export function trailText({ highest, letters }: Trail, { topicId, table }: TrailOwner, block = ''): string {
  const trail = [topicId, table, highest ?? '', letters].join(' ');
  return block === '' ? trail : `${trail} ${block}`;
}

const TRAIL = /^(\d+ \S* (\d{0,19}) (\d{1,15}))(?: (\S+_\d{1,19}))?$/;

/** A block that the table had at the commit; undefined if unknown. */
export function blockOf({ metadata }: CommittedOffset): string | undefined {
  return TRAIL.exec(metadata)?.[4];
}

/**
 * The trail in a commit; undefined if it belongs to another topic or table, or is not the sink's.
 */
export function trailOf({ metadata }: CommittedOffset, owner: TrailOwner): Trail | undefined {
  const [, text, highest = '', letters] = TRAIL.exec(metadata) ?? [];
  if (owner.topicId === 0n || letters === undefined) return undefined;
  const trail = { highest: highest === '' ? undefined : BigInt(highest), letters: Number(letters) };
  return text === trailText(trail, owner) ? trail : undefined;
}

/**
 * The messages behind the table's last row whose rows the table once had, according to the commit:
 * merges removed the rows, or the table lost them. Undefined if there are none.
 *
 * @param next where a sink resumes by the table's rows.
 */
export function lostSpan(
  commit: CommittedOffset,
  owner: TrailOwner,
  { next, end }: { readonly next: bigint; readonly end: bigint },
): OffsetSpan | undefined {
  const highest = trailOf(commit, owner)?.highest;
  if (highest === undefined || highest < next || commit.offset <= highest || commit.offset > end)
    return undefined;
  return { from: next, to: highest + 1n };
}

/**
 * The trail that a commit tells of, where it lets a sink go on behind what the table says: what stands between is set aside. Undefined where
 * it does not: the table was made anew or has lost rows, the topic is another, or nothing was set aside. The letters are still to be looked for.
 *
 * @param next where a sink goes on by the table's rows.
 * @param highest the table's of the partition.
 */
export function trailIn(
  commit: CommittedOffset,
  owner: TrailOwner,
  {
    next,
    highest,
    end,
  }: { readonly next: bigint; readonly highest: bigint | undefined; readonly end: bigint },
): Trail | undefined {
  const trail = trailOf(commit, owner);
  if (trail === undefined || trail.letters === 0 || commit.offset <= next || commit.offset > end)
    return undefined;
  return trail.highest === highest ? trail : undefined;
}
