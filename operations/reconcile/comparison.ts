/**
 * What a key has wrong. `missing`: live on the topic, and no live row. `stray`: a live row, and not live on the topic; or an earlier row at
 * an offset that the topic has not come to. `older`: the row is of an earlier message than the topic's last. `other`: it is of none of the
 * topic's messages. `twice`: one message has several rows.
 */
export type DifferenceKind = 'missing' | 'stray' | 'older' | 'other' | 'twice';

export interface KeyDifference {
  readonly key: string;
  readonly kind: DifferenceKind;
}

export interface ViewComparison {
  readonly view: string;
  /** What is wrong with it, for people; undefined if it shows what the storage table holds. */
  readonly problem: string | undefined;
}

/** What a repair has done. */
export interface RepairCounts {
  /** Rows made anew out of the topic's messages. */
  inserted: number;
  /** Keys of which rows were deleted that the topic does not have. */
  deleted: number;
  /** Keys left as they are: the sink has not come to their messages, or they have changed meanwhile. */
  left: number;
  /** What it could not do, and what to do instead. */
  readonly remarks: string[];
}

/** What topic, storage table and views of one stream say of each other. */
export interface StreamComparison {
  readonly stream: string;
  /** Live on the topic. */
  readonly keys: number;
  readonly counts: Readonly<Record<DifferenceKind, number>>;
  /** Messages that the sink has still to take. */
  readonly behind: number;
  /** Letters of the stream that wait, of both steps: readers do not see what they hold. */
  readonly deadLetters: number;
  /** Message keys are the texts of their rows' keys, or rows have none; if not, rows without a message were not compared. */
  readonly isByKey: boolean;
  /** The first ten by key. */
  readonly examples: readonly KeyDifference[];
  readonly views: readonly ViewComparison[];
  /** What there is to say beside, such as that there is no table. Each is a difference. */
  readonly faults: readonly string[];
  /** What was not compared, and why: no difference. */
  readonly notes: readonly string[];
  /** Why the stream could not be compared; then the counts mean nothing. */
  readonly failure?: Error;
  /** What was repaired before this comparison was made. */
  readonly repair?: RepairCounts;
}

export function noDifferences(): Record<DifferenceKind, number> {
  return { missing: 0, stray: 0, older: 0, other: 0, twice: 0 };
}

/** What the user takes for equal though it is not. */
export interface Allowed {
  readonly deadLetters: boolean;
}

export function isEqual(
  { counts, behind, deadLetters, views, faults, failure }: StreamComparison,
  allowed: Allowed,
): boolean {
  const letters = allowed.deadLetters ? 0 : deadLetters;
  const differences = Object.values(counts).reduce((sum, count) => sum + count, behind + letters);
  const isWhole = faults.length === 0 && failure === undefined;
  return isWhole && differences === 0 && views.every(({ problem }) => problem === undefined);
}

const EXAMPLES = 10;

/** Keeps the first ten of many differences by key. */
export class Examples {
  readonly #first: KeyDifference[] = [];

  add(difference: KeyDifference): void {
    const last = this.#first[EXAMPLES - 1];
    if (last !== undefined && last.key <= difference.key) return;
    const { key, kind } = difference;
    const at = this.#first.findIndex((other) => other.key > key);
    this.#first.splice(at < 0 ? this.#first.length : at, 0, { key, kind });
    this.#first.length = Math.min(this.#first.length, EXAMPLES);
  }

  get all(): readonly KeyDifference[] {
    return this.#first;
  }
}
