import { letterKeyOf } from '../source-record.ts';
import { KeyTable } from './key-table.ts';
import type { RecordHash } from './record-hash.ts';

export interface SourceDifference {
  /** That of the message; where a record has no usable key, its hash in hex. */
  readonly key: string;
  /** `missing`: only the source has it. `changed`: the topic has another record. `stray`: only the topic has it. */
  readonly kind: 'missing' | 'changed' | 'stray';
}

export interface SourceDiffOptions {
  readonly stream: string;
  /** What the stream's topic held before the source was read. */
  readonly keys: KeyTable;
  /** What the topic of dead letters held. */
  readonly letters: KeyTable;
  /** False for a key that the source was not asked about: it is no stray. */
  readonly isAskedFor?: (key: string) => boolean;
}

/** Differences of one kind whose keys are remembered as texts; of all others there is a number. */
const MAX_NAMES = 1_000;

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
  /** Records without a message that stand on the topic of dead letters. */
  readonly #setAside = new KeyTable();
  #records = 0;

  constructor(options: SourceDiffOptions) {
    this.#options = options;
  }

  /** Records of the source, each key once. */
  get records(): number {
    return this.#records;
  }

  get missing(): number {
    return this.#missing.count;
  }

  get changed(): number {
    return this.#changed.count;
  }

  /** 0 until the topic has been settled. */
  get stray(): number {
    return this.#strays.count;
  }

  /** Every key of the topic was met, and every record as the topic has it: there is nothing to settle. */
  get isEqual(): boolean {
    return this.missing + this.changed + this.#options.keys.unseen === 0;
  }

  /**
   * Takes a record of the source; undefined stands for a key that cannot be told. Of a key that the source shows twice, the
   * topic can hold but one record: either will do.
   *
   * @returns whether it is the first record of its key.
   */
  add(key: string | undefined, hash: RecordHash): boolean {
    const { stream, keys, letters } = this.#options;
    const name = key ?? hash.toString('hex');
    const change = key === undefined ? 'new' : keys.compare(key, hash);
    const isOnTopic = change !== 'new';
    const differences = isOnTopic ? this.#changed : this.#missing;
    const isFirst = isOnTopic ? !keys.isSeen(name) : !this.#missing.has(name) && !this.#setAside.has(name);
    if (isOnTopic) keys.see(name);
    if (isFirst) this.#records++;
    else if (!differences.has(name)) return false;
    if (change === 'unchanged') {
      differences.drop(name);
    } else if (letters.compare(letterKeyOf(stream, key, hash), hash) === 'unchanged') {
      differences.drop(name);
      if (!isOnTopic) this.#setAside.set(name, hash);
    } else {
      differences.add(name, hash);
    }
    return isFirst;
  }

  /** Takes a message of the topic, those of a key in their order: the hash of its record, or null for a delete. */
  settle(key: Buffer, hash: RecordHash | null): void {
    const { keys, isAskedFor } = this.#options;
    this.#missing.settle(key, hash);
    this.#changed.settle(key, hash);
    if (!keys.has(key) || keys.isSeen(key)) return;
    const name = key.toString('utf8');
    if (hash === null) this.#strays.drop(name);
    else if (isAskedFor?.(name) !== false) this.#strays.add(name, hash);
  }

  /** The keys of all strays; undefined where there are more than a thousand. */
  strays(): readonly string[] | undefined {
    return this.stray > MAX_NAMES ? undefined : [...this.#strays.names()];
  }

  /** The source has the key of a stray, though its list did not show it. */
  found(stray: string): void {
    this.#strays.drop(stray);
  }

  /** The first differences by their keys, of those that are remembered. */
  examples(count: number): SourceDifference[] {
    const ofKind = (kind: SourceDifference['kind'], differences: Differences) =>
      [...differences.names()].map((key) => ({ key, kind }));
    return [
      ...ofKind('missing', this.#missing),
      ...ofKind('changed', this.#changed),
      ...ofKind('stray', this.#strays),
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

  has(name: string): boolean {
    return this.#hashes.size > 0 && this.#hashes.has(name);
  }

  add(name: string, hash: RecordHash): void {
    this.#hashes.set(name, hash);
    if (this.#names.size < MAX_NAMES) this.#names.add(name);
  }

  drop(name: string): void {
    if (this.#hashes.size === 0) return;
    this.#hashes.delete(name);
    this.#names.delete(name);
  }

  settle(key: Buffer, hash: RecordHash | null): void {
    if (this.#hashes.size === 0 || !this.#hashes.has(key)) return;
    if (hash !== null && this.#hashes.compare(key, hash) === 'unchanged') this.#settled.set(key, hash);
    else this.#settled.delete(key);
  }

  *names(): Generator<string, void, undefined> {
    for (const name of this.#names) if (!this.#settled.has(name)) yield name;
  }
}
