import type { CommittedOffset } from '../../core/kafka/admin.ts';
import type { OffsetSpan } from '../../core/kafka/read-spans.ts';

/**
 * A partition's highest offset whose message became a row, and the number of dead letters after it.
 */
export interface CommittedRows {
  readonly highest: bigint | undefined;
  readonly deadLetters: number;
}

/** The topic and table that a commit refers to. A commit proves nothing about other tables. */
export interface CommitScope {
  /** Kafka's id of the topic; 0 if unknown. */
  readonly topicId: bigint;
  /** Empty if there is no table. */
  readonly table: string;
}

/** Combines the committed rows with the rows added after them. */
export function accumulated(before: CommittedRows | undefined, added: CommittedRows): CommittedRows {
  if (added.highest !== undefined || before === undefined) return added;
  return { highest: before.highest, deadLetters: before.deadLetters + added.deadLetters };
}

/**
 * Formats rows as the metadata of a commit.
 * @param block the last block of the table; empty if unknown.
 */
export function commitMetadata(rows: CommittedRows, owner: CommitScope, block = ''): string {
  const text = [owner.topicId, owner.table, rows.highest ?? '', rows.deadLetters].join(' ');
  return block === '' ? text : `${text} ${block}`;
}

const METADATA = /^(\d+ \S* (\d{0,19}) (\d{1,15}))(?: (\S+_\d{1,19}))?$/;

/** Returns a block that the table had at the time of the commit; undefined if unknown. */
export function blockOf({ metadata }: CommittedOffset): string | undefined {
  return METADATA.exec(metadata)?.[4];
}

/** Returns the committed rows; undefined if they belong to another topic or table. */
export function committedRows({ metadata }: CommittedOffset, owner: CommitScope): CommittedRows | undefined {
  const [, text, highest = '', deadLetters] = METADATA.exec(metadata) ?? [];
  if (owner.topicId === 0n || deadLetters === undefined) return undefined;
  const rows = { highest: highest === '' ? undefined : BigInt(highest), deadLetters: Number(deadLetters) };
  return text === commitMetadata(rows, owner) ? rows : undefined;
}

/**
 * Returns the messages after the table's last row that once had rows, according to the commit;
 * undefined if there are none. Either merges removed these rows, or the table lost them.
 * @param next the resume offset according to the table's rows.
 */
export function lostSpan(
  commit: CommittedOffset,
  owner: CommitScope,
  { next, end }: { readonly next: bigint; readonly end: bigint },
): OffsetSpan | undefined {
  const highest = committedRows(commit, owner)?.highest;
  if (highest === undefined || highest < next || commit.offset <= highest || commit.offset > end)
    return undefined;
  return { from: next, to: highest + 1n };
}

/**
 * Returns the committed rows if a sink may resume at the committed offset, because only dead
 * letters lie between the table's last row and this offset. Returns undefined if there are no dead
 * letters, if the committed offset is not between the resume offset and the end, if the commit
 * refers to another topic, or if the table was recreated or has lost rows. The caller checks that
 * the dead letters exist.
 * @param at the resume offset and the highest offset according to the table's rows, and the end of
 * the partition.
 */
export function trustedRows(
  commit: CommittedOffset,
  owner: CommitScope,
  at: { readonly next: bigint; readonly highest: bigint | undefined; readonly end: bigint },
): CommittedRows | undefined {
  const lastRows = committedRows(commit, owner);
  if (lastRows === undefined || lastRows.deadLetters === 0) return undefined;
  if (commit.offset <= at.next || commit.offset > at.end) return undefined;
  return lastRows.highest === at.highest ? lastRows : undefined;
}
