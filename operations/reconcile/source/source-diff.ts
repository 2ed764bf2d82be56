import { HashedKey } from '../../../producers/encode/hashed-key.ts';
import { deadLetterKeyOf } from '../../../producers/encode/source-record.ts';
import { KeyTable, type Change, type Key } from '../../../producers/state/key-table.ts';
import type { RecordHash } from '../../../producers/encode/record-hash.ts';

/**
 * `missing`: only the source has it. `changed`: the topic has another record. `stray`: only the topic has it. `dead`: the
 * source's record waits as a dead letter, whatever the topic has. `twice`: the source shows several records of the key, and
 * the topic can hold one.
 */
export type SourceDifferenceKind = 'missing' | 'changed' | 'stray' | 'dead' | 'twice';

export interface SourceDifference {
  /** That of the message; where a record has no usable key, its hash in hex. */
  readonly key: string;
  readonly kind: SourceDifferenceKind;
}

export interface SourceDiffOptions {
  readonly stream: string;
  /** What the stream's topic held before the source was read. */
  readonly keys: KeyTable;
  /** Records that wait on the topic of dead letters. */
  readonly deadLetters: KeyTable;
  /** Of these, the ones that a person has given up: no difference. */
  readonly discarded: KeyTable;
  /** False for a key that the source was not asked about: it is no stray. */
  readonly isAskedFor?: (key: string) => boolean;
}

/** Differences of one kind whose keys are remembered as texts; of all others there is a number. */
const MAX_NAMES = 1_000;

export function noSourceDifferences(): Record<SourceDifferenceKind, number> {
  return { missing: 0, changed: 0, stray: 0, dead: 0, twice: 0 };
}

/**
 * What one stream's source and its topic say of each other, by the hashes that messages carry. First every record of the source
 * is added, then every message of the topic as it stands by then is settled: what a run of `produce` has mended in between is
 * no difference. Takes 20 bytes for each key that differs, beside the table of keys that it is given.
 */
export class SourceDiff {
  readonly #options: SourceDiffOptions;
  readonly #missing = new Differences();
  readonly #changed = new Differences();
  readonly #strays = new Differences();
  readonly #dead = new Differences();
  readonly #twice = new Differences();
  readonly #unasked = new Differences();
  #records = 0;

  constructor(options: SourceDiffOptions) {
    this.#options = options;
  }

  /** Records of the source, each key once. */
  get records(): number {
    return this.#records;
  }

  /** There are no strays until the topic has been settled. */
  get counts(): Record<SourceDifferenceKind, number> {
    return {
      missing: this.#missing.count,
      changed: this.#changed.count,
      stray: this.#strays.count,
      dead: this.#dead.count,
      twice: this.#twice.count,
    };
  }

  /** Live keys of the topic that the source was not asked about; 0 until the topic has been settled. */
  get unasked(): number {
    return this.#unasked.count;
  }

  /** Every key of the topic was met, and every record as the topic has it: there is nothing to settle. */
  get isEqual(): boolean {
    return Object.values(this.counts).every((count) => count === 0) && this.#options.keys.unseen === 0;
  }

  /**
   * Takes a record of the source; undefined stands for a key that cannot be told.
   *
   * @returns whether it is the first record of its key.
   */
  add(key: HashedKey<string> | undefined, hash: RecordHash): boolean {
    const { stream, keys, deadLetters, discarded } = this.#options;
    const name = key ?? new HashedKey(hash.toString('hex'));
    const change = key === undefined ? 'new' : keys.compare(key, hash);
    const differences = change === 'new' ? this.#missing : this.#changed;
    const isFirst = change === 'new' ? !differences.has(name) && !this.#dead.has(name) : !keys.isSeen(name);
    if (change !== 'new') keys.see(name);
    if (isFirst) this.#records++;
    else if (this.#isAnother(name, hash, change)) this.#twice.add(name, hash);
    if (change === 'unchanged') {
      differences.drop(name);
      return isFirst;
    }
    const deadLetterKey = new HashedKey(deadLetterKeyOf(stream, key?.value, hash));
    if (discarded.compare(deadLetterKey, hash) === 'unchanged') {
      differences.drop(name);
    } else if (deadLetters.compare(deadLetterKey, hash) === 'unchanged') {
      differences.drop(name);
      this.#dead.add(name, hash);
    } else if (isFirst || differences.has(name)) {
      differences.add(name, hash);
    }
    return isFirst;
  }

  /** Whether the source has shown another record of the key before. */
  #isAnother(name: HashedKey, hash: RecordHash, change: Change): boolean {
    const shown = [this.#missing, this.#changed, this.#dead].find((differences) => differences.has(name));
    return shown === undefined ? change !== 'unchanged' : !shown.holds(name, hash);
  }

  /** Takes a message of the topic, those of a key in their order: the hash of its record, or null for a delete. */
  settle(key: Buffer, hash: RecordHash | null): void {
    const { keys, isAskedFor } = this.#options;
    const name = new HashedKey(key);
    for (const differences of [this.#missing, this.#changed, this.#dead]) differences.settle(name, hash);
    if (!keys.has(name) || keys.isSeen(name)) return;
    const differences = isAskedFor?.(key.toString('utf8')) === false ? this.#unasked : this.#strays;
    if (hash === null) differences.drop(name);
    else differences.add(name, hash);
  }

  /** The keys of all strays; undefined where there are more than a thousand. */
  strays(): readonly string[] | undefined {
    return this.#strays.count > MAX_NAMES ? undefined : [...this.#strays.names()];
  }

  /** The source has the key of a stray, though its list did not show it. */
  found(stray: string): void {
    this.#strays.drop(new HashedKey(stray));
  }

  /** The first differences by their keys, of those that are remembered. */
  examples(count: number): SourceDifference[] {
    const ofKind = (kind: SourceDifferenceKind, differences: Differences) =>
      [...differences.names()].map((key) => ({ key, kind }));
    return [
      ...ofKind('missing', this.#missing),
      ...ofKind('changed', this.#changed),
      ...ofKind('stray', this.#strays),
      ...ofKind('dead', this.#dead),
      ...ofKind('twice', this.#twice),
    ]
      .sort((a, b) => (a.key < b.key ? -1 : 1))
      .slice(0, count);
  }
}

/** The keys that differ in one way, with the hashes of the records that they should have. */
class Differences {
  readonly #hashes = new KeyTable();
  /** Those whose record is on the topic by now. */
  readonly #settled = new KeyTable();
  readonly #names = new Set<string>();

  get count(): number {
    return this.#hashes.size - this.#settled.size;
  }

  has(name: Key): boolean {
    return this.#hashes.size > 0 && this.#hashes.has(name);
  }

  add(name: HashedKey, hash: RecordHash): void {
    this.#hashes.set(name, hash);
    if (this.#names.size < MAX_NAMES) this.#names.add(String(name.value));
  }

  /** Whether the key has this record. */
  holds(name: Key, hash: RecordHash): boolean {
    return this.#hashes.compare(name, hash) === 'unchanged';
  }

  drop(name: HashedKey): void {
    if (this.#hashes.size === 0) return;
    this.#hashes.delete(name);
    this.#names.delete(String(name.value));
  }

  settle(key: Key, hash: RecordHash | null): void {
    if (this.#hashes.size === 0 || !this.#hashes.has(key)) return;
    if (hash !== null && this.#hashes.compare(key, hash) === 'unchanged') this.#settled.set(key, hash);
    else this.#settled.delete(key);
  }

  *names(): Generator<string, void, undefined> {
    for (const name of this.#names) if (!this.#settled.has(name)) yield name;
  }
}
