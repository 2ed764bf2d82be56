import type { KeyDifference } from '../comparison.ts';
import { HashedKey } from '../../../producers/encode/hashed-key.ts';
import { deadLetterKeyOf } from '../../../producers/encode/source-record.ts';
import { KeyTable, type Change, type Key } from '../../../producers/state/key-table.ts';
import type { RecordHash } from '../../../producers/encode/record-hash.ts';

/**
 * - `missing`: only the source has it.
 * - `changed`: the topic has a different record.
 * - `stray`: only the topic has it.
 * - `dead`: the source's record is a pending dead letter, regardless of the topic.
 * - `twice`: the source lists several records with the key, but the topic can contain only one.
 */
export const sourceKinds = ['missing', 'changed', 'stray', 'dead', 'twice'] as const;
export type SourceDifferenceKind = (typeof sourceKinds)[number];

/** The key is the message key, or the record's hash in hex if the record has no usable key. */
export type SourceDifference = KeyDifference<SourceDifferenceKind>;

interface SourceDiffOptions {
  readonly stream: string;
  /** The keys of the stream's topic before the source was read. */
  readonly keys: KeyTable;
  /** Dead letters, pending or discarded. */
  readonly deadLetters: KeyTable;
  /** Dead letters that a user has discarded. They are not differences. */
  readonly discarded: KeyTable;
  /** Returns false for a key that was not requested from the source: it is not a stray. */
  readonly isAskedFor?: (key: string) => boolean;
}

/** Maximum number of keys per kind that are kept as text. Further keys are only counted. */
const MAX_NAMES = 1_000;

export function noSourceDifferences(): Record<SourceDifferenceKind, number> {
  return byKind(() => 0);
}

function byKind<T>(of: (kind: SourceDifferenceKind) => T): Record<SourceDifferenceKind, T> {
  return Object.fromEntries(sourceKinds.map((kind) => [kind, of(kind)])) as Record<SourceDifferenceKind, T>;
}

/**
 * Compares one stream's source with its topic by the hashes in the message headers. The caller
 * first adds every record of the source, then settles every message that the topic contains by
 * then, so a record that a run of `produce` has sent in the meantime is not a difference. Uses 20
 * bytes for each key that differs, in addition to the given key table.
 */
export class SourceDiff {
  readonly #options: SourceDiffOptions;
  readonly #found = byKind(() => new Differences());
  readonly #unasked = new Differences();
  /** Number of records in the source. Counts each key once. */
  records = 0;

  constructor(options: SourceDiffOptions) {
    this.#options = options;
  }

  /** The number of strays is 0 until the topic is settled. */
  get counts(): Record<SourceDifferenceKind, number> {
    return byKind((kind) => this.#found[kind].count);
  }

  /**
   * Number of live keys on the topic that were not requested from the source; 0 until the topic is
   * settled.
   */
  get unasked(): number {
    return this.#unasked.count;
  }

  /** Whether the source has exactly the topic's keys and records, so settling is unnecessary. */
  get isEqual(): boolean {
    return Object.values(this.counts).every((count) => count === 0) && this.#options.keys.unseen === 0;
  }

  /**
   * Adds a record of the source.
   * @returns whether it is the first record of its key.
   */
  add(key: HashedKey<string> | undefined, hash: RecordHash): boolean {
    const { stream, keys, deadLetters, discarded } = this.#options;
    const { missing, changed, dead, twice } = this.#found;
    const name = key ?? new HashedKey(hash.toString('hex'));
    const change = key === undefined ? 'new' : keys.compare(key, hash);
    const differences = change === 'new' ? missing : changed;
    const isFirst = change === 'new' ? !differences.has(name) && !dead.has(name) : !keys.isSeen(name);
    if (change !== 'new') keys.see(name);
    if (isFirst) this.records++;
    else if (this.#isAnother(name, hash, change)) twice.add(name, hash);
    if (change === 'unchanged') {
      differences.drop(name);
      return isFirst;
    }
    const deadLetterKey = new HashedKey(deadLetterKeyOf(stream, key?.value, hash));
    if (discarded.compare(deadLetterKey, hash) === 'unchanged') {
      differences.drop(name);
    } else if (deadLetters.compare(deadLetterKey, hash) === 'unchanged') {
      differences.drop(name);
      dead.add(name, hash);
    } else if (isFirst || differences.has(name)) {
      differences.add(name, hash);
    }
    return isFirst;
  }

  /** Returns whether the source has already listed a different record with this key. */
  #isAnother(name: HashedKey, hash: RecordHash, change: Change): boolean {
    const { missing, changed, dead } = this.#found;
    const shown = [missing, changed, dead].find((differences) => differences.has(name));
    return shown === undefined ? change !== 'unchanged' : !shown.holds(name, hash);
  }

  /**
   * Settles a message of the topic. The messages of a key must be settled in offset order.
   * @param hash of the record; null for a delete.
   */
  settle(key: Buffer, hash: RecordHash | null): void {
    const { keys, isAskedFor } = this.#options;
    const name = new HashedKey(key);
    const { missing, changed, dead, stray } = this.#found;
    for (const differences of [missing, changed, dead]) differences.settle(name, hash);
    if (!keys.has(name) || keys.isSeen(name)) return;
    const differences = isAskedFor?.(key.toString('utf8')) === false ? this.#unasked : stray;
    if (hash === null) differences.drop(name);
    else differences.add(name, hash);
  }

  /** Returns the keys of all strays; undefined for more than a thousand. */
  strays(): readonly string[] | undefined {
    return this.#found.stray.count > MAX_NAMES ? undefined : [...this.#found.stray.names()];
  }

  /** Removes a stray that the source has, although its list lacked it. */
  found(stray: string): void {
    this.#found.stray.drop(new HashedKey(stray));
  }

  /** Returns the first `count` kept differences, in key order. */
  examples(count: number): SourceDifference[] {
    return sourceKinds
      .flatMap((kind) => [...this.#found[kind].names()].map((key) => ({ key, kind })))
      .sort((a, b) => (a.key < b.key ? -1 : 1))
      .slice(0, count);
  }
}

/**
 * The keys that have one kind of difference, each with the hash of its record in the source or, for
 * strays and keys that were not requested, on the topic.
 */
class Differences {
  readonly #hashes = new KeyTable();
  /** Keys whose record is on the topic by now. */
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
