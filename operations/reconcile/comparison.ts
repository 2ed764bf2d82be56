/**
 * How a key differs.
 * - `missing`: the key is live on the topic, but has no live row.
 * - `stray`: the key has a live row, but is not live on the topic, or has a row beyond the end of
 *   the log.
 * - `older`: the row comes from an earlier message than the last one on the topic.
 * - `other`: the row comes from neither the last message on the topic nor an earlier one.
 * - `twice`: several rows come from the same message.
 */
export type DifferenceKind = 'missing' | 'stray' | 'older' | 'other' | 'twice';

export interface KeyDifference<Kind = DifferenceKind> {
  readonly key: string;
  readonly kind: Kind;
}

export interface ViewComparison {
  readonly view: string;
  /** The difference, as text for users; undefined if the view matches the storage table. */
  readonly problem: string | undefined;
}

export interface RepairCounts {
  /** Rows inserted from the topic's messages. */
  inserted: number;
  /** Keys whose wrong rows were deleted. */
  deleted: number;
  /** Keys left unchanged, for example because the sink has not passed their last messages. */
  left: number;
  /** Repairs that were not possible, each with the remedy. */
  readonly remarks: string[];
}

export interface StreamComparison {
  readonly stream: string;
  /** Number of live keys on the topic. */
  readonly keys: number;
  readonly counts: Readonly<Record<DifferenceKind, number>>;
  /** Number of messages that the sink has not passed. */
  readonly behind: number;
  /** Number of pending dead letters of both steps. Readers do not see their contents. */
  readonly deadLetters: number;
  /** False if message keys differ from row keys. Rows without a message are then not compared. */
  readonly isByKey: boolean;
  /** The first ten, sorted by key. */
  readonly examples: readonly KeyDifference[];
  readonly views: readonly ViewComparison[];
  /** Other differences, such as a missing table. */
  readonly faults: readonly string[];
  /** Parts that were not compared, and why. A note is not a difference. */
  readonly notes: readonly string[];
  /** Why the stream could not be compared. The counts are then meaningless. */
  readonly failure?: Error;
  /** The repair that preceded this comparison. */
  readonly repair?: RepairCounts;
}

export function noDifferences(): Record<DifferenceKind, number> {
  return { missing: 0, stray: 0, older: 0, other: 0, twice: 0 };
}

/** Returns the comparison of a stream whose keys were not compared. */
export function emptyComparison(stream: string, deadLetters: number): StreamComparison {
  const nothing = { keys: 0, behind: 0, examples: [], views: [], faults: [], notes: [] };
  return { stream, counts: noDifferences(), deadLetters, isByKey: true, ...nothing };
}

export interface Allowed {
  /** Whether the user accepts dead letters. */
  readonly deadLetters: boolean;
}

export function isEqual(
  { counts, behind, deadLetters, views, faults, failure }: StreamComparison,
  allowed: Allowed,
): boolean {
  const dead = allowed.deadLetters ? 0 : deadLetters;
  const differences = Object.values(counts).reduce((sum, count) => sum + count, behind + dead);
  const isWhole = faults.length === 0 && failure === undefined;
  return isWhole && differences === 0 && views.every(({ problem }) => problem === undefined);
}

const EXAMPLES = 10;

/** Keeps the first ten differences by key. */
export class Examples {
  readonly all: KeyDifference[] = [];

  add(difference: KeyDifference): void {
    const last = this.all[EXAMPLES - 1];
    if (last !== undefined && last.key <= difference.key) return;
    const { key, kind } = difference;
    const at = this.all.findIndex((other) => other.key > key);
    this.all.splice(at < 0 ? this.all.length : at, 0, { key, kind });
    this.all.length = Math.min(this.all.length, EXAMPLES);
  }
}
