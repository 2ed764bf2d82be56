import { HashedKey } from '../encode/hashed-key.ts';
import { MAX_LOAD, SEGMENTS, slotsFor, type Key } from './key-table.ts';

/** Marks the absence of a child or parent. Their ids start at 1. */
const NONE = 0;
/** Columns and texts grow in chunks, so growing never copies data or needs a second buffer. */
const COLUMN_BITS = 12;
const COLUMN_CHUNK = 2 ** COLUMN_BITS;
/** A position in the texts has 32 bits: 18 for the chunk, 14 for the position within the chunk. */
const TEXT_BITS = 14;
const TEXT_CHUNK_BYTES = 2 ** TEXT_BITS;
const MAX_TEXT_CHUNKS = 2 ** (32 - TEXT_BITS);
/** Marks a long string, whose length is in the four bytes that follow. */
const LONG_TEXT = 0xff;

/** A slot is two words: an id or NONE, and the hash. */
const SLOT_WORDS = 2;
const MIN_SLOTS = 4;

/**
 * Maps a key to its parent, and records whether the parent is alive. With at least fifty thousand
 * entries, a child uses 26 to 30 bytes in addition to the text of its key, and a parent 18 to 21
 * bytes.
 *
 * The table stores the text of a child's key, but only 64 bits of the SHA-256 of a parent's key.
 * Among ten million parents, the probability that any two share these bits is 3 in a million. Such
 * a pair shares one list of children, and counts as alive if either parent is. A parent remains in
 * the table after its last child has moved.
 */
export class ChildTable {
  readonly #children = new Index();
  readonly #texts = new Texts();
  readonly #places = new Column();
  readonly #parentOf = new Column();
  readonly #next = new Column();
  readonly #previous = new Column();

  readonly #parents = new Index();
  readonly #secondWords = new Column();
  readonly #firstChild = new Column();
  /** One bit per parent. */
  readonly #living = new Column();

  get size(): number {
    return this.#children.size;
  }

  get bytes(): number {
    const children = [this.#children, this.#texts, this.#places, this.#parentOf, this.#next, this.#previous];
    const parents = [this.#parents, this.#secondWords, this.#firstChild, this.#living];
    return [...children, ...parents].reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /**
   * Puts a key under a parent. A later call for the same key moves it.
   *
   * @throws RangeError if the text of all keys exceeds 4 GB.
   */
  set(key: Key, parent: Key): void {
    const child = this.#claimChild(HashedKey.of(key));
    const to = this.#claimParent(parent);
    const from = this.#parentOf.get(child);
    if (from === to) return;
    if (from !== NONE) this.#unlink(child, from);
    this.#link(child, to);
  }

  /** Returns the keys under a parent, in no particular order. */
  of(parent: string): string[] {
    const keys: string[] = [];
    const { id } = this.#findParent(parent);
    if (id === NONE) return keys;
    for (let child = this.#firstChild.get(id); child !== NONE; child = this.#next.get(child))
      keys.push(this.#texts.read(this.#places.get(child)));
    return keys;
  }

  /** Records that a parent is alive, whether it has children or not. */
  live(parent: string): void {
    const id = this.#claimParent(parent);
    this.#living.set(id >>> 5, this.#living.get(id >>> 5) | (1 << (id & 31)));
  }

  /** Returns the keys whose parent is not alive, in no particular order. */
  *orphans(): Generator<string, void, undefined> {
    for (let child = 1; child <= this.#children.size; child++)
      if (!this.#isLiving(this.#parentOf.get(child))) yield this.#texts.read(this.#places.get(child));
  }

  #isLiving(parent: number): boolean {
    return (this.#living.get(parent >>> 5) & (1 << (parent & 31))) !== 0;
  }

  #claimChild({ value, first: hash }: HashedKey): number {
    const text = typeof value === 'string' ? Buffer.from(value) : value;
    const known = this.#children.find(hash, (child) => this.#texts.isAt(this.#places.get(child), text));
    if (known !== NONE) return known;
    // Add the text first, so that the table stays unchanged if there is no room for it.
    const place = this.#texts.add(text);
    const child = this.#children.add(hash);
    this.#places.set(child, place);
    return child;
  }

  #claimParent(key: Key): number {
    const { id: known, first, second } = this.#findParent(key);
    if (known !== NONE) return known;
    const parent = this.#parents.add(first);
    this.#secondWords.set(parent, second);
    return parent;
  }

  #findParent(key: Key): { id: number; first: number; second: number } {
    const { first, second } = HashedKey.of(key);
    return { id: this.#parents.find(first, (id) => this.#secondWords.get(id) === second), first, second };
  }

  #link(child: number, parent: number): void {
    const next = this.#firstChild.get(parent);
    this.#parentOf.set(child, parent);
    this.#previous.set(child, NONE);
    this.#next.set(child, next);
    if (next !== NONE) this.#previous.set(next, child);
    this.#firstChild.set(parent, child);
  }

  #unlink(child: number, parent: number): void {
    const [previous, next] = [this.#previous.get(child), this.#next.get(child)];
    if (previous === NONE) this.#firstChild.set(parent, next);
    else this.#next.set(previous, next);
    if (next !== NONE) this.#previous.set(next, previous);
  }
}

/**
 * A signed 32-bit number for each id, 0 by default. The engine would store larger numbers as
 * objects.
 */
class Column {
  readonly #chunks: Int32Array[] = [];

  get bytes(): number {
    return this.#chunks.length * COLUMN_CHUNK * Int32Array.BYTES_PER_ELEMENT;
  }

  get(id: number): number {
    return this.#chunks[id >>> COLUMN_BITS]?.[id & (COLUMN_CHUNK - 1)] ?? 0;
  }

  set(id: number, value: number): void {
    const at = id >>> COLUMN_BITS;
    while (this.#chunks.length <= at) this.#chunks.push(new Int32Array(COLUMN_CHUNK));
    (this.#chunks[at] as Int32Array)[id & (COLUMN_CHUNK - 1)] = value;
  }
}

/**
 * UTF-8 strings. Each follows its length in the same chunk, and a very long one gets a larger
 * chunk.
 */
class Texts {
  readonly #chunks: Buffer[] = [];
  /** Bytes used in the last chunk. */
  #used = TEXT_CHUNK_BYTES;

  get bytes(): number {
    return this.#chunks.reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  /** @throws RangeError if there is no room left. */
  add(text: Buffer): number {
    const { length } = text;
    const isLong = length >= LONG_TEXT;
    const needed = length + (isLong ? 5 : 1);
    if (this.#used + needed > TEXT_CHUNK_BYTES) {
      if (this.#chunks.length === MAX_TEXT_CHUNKS)
        throw new RangeError('child table: the texts of the keys exceed 4 GB');
      // A buffer from Node's pool would retain the other contents of the pool.
      this.#chunks.push(Buffer.allocUnsafeSlow(Math.max(TEXT_CHUNK_BYTES, needed)));
      this.#used = 0;
    }
    const at = this.#used;
    const last = this.#chunks.length - 1;
    const chunk = this.#chunks[last] as Buffer;
    chunk[at] = isLong ? LONG_TEXT : length;
    if (isLong) chunk.writeUInt32LE(length, at + 1);
    text.copy(chunk, at + needed - length);
    this.#used += needed;
    return (last << TEXT_BITS) | at;
  }

  read(place: number): string {
    const { chunk, start, end } = this.#locate(place);
    return chunk.toString('utf8', start, end);
  }

  isAt(place: number, text: Buffer): boolean {
    const { chunk, start, end } = this.#locate(place);
    return text.compare(chunk, start, end) === 0;
  }

  #locate(place: number): { chunk: Buffer; start: number; end: number } {
    const chunk = this.#chunks[place >>> TEXT_BITS] as Buffer;
    const at = place & (TEXT_CHUNK_BYTES - 1);
    const length = chunk[at] as number;
    if (length !== LONG_TEXT) return { chunk, start: at + 1, end: at + 1 + length };
    return { chunk, start: at + 5, end: at + 5 + chunk.readUInt32LE(at + 1) };
  }
}

/** Assigns ids and finds them by 32 bits of a hash: open addressing in growing segments. */
class Index {
  readonly #segments = Array.from({ length: SEGMENTS }, () => new Segment());
  /** Number of ids, which is also the last id. */
  size = 0;

  get bytes(): number {
    return this.#segments.reduce((sum, { words }) => sum + words.byteLength, 0);
  }

  /** Returns the id with this hash for which `isIt` is true, or NONE. */
  find(hash: number, isIt: (id: number) => boolean): number {
    return this.#segmentOf(hash).find(hash, isIt);
  }

  /** Returns a new id, even if another one has this hash. */
  add(hash: number): number {
    this.#segmentOf(hash).add(hash, ++this.size);
    return this.size;
  }

  #segmentOf(hash: number): Segment {
    // There is a segment for every value of a byte.
    return this.#segments[hash & (SEGMENTS - 1)] as Segment;
  }
}

class Segment {
  words = new Int32Array(MIN_SLOTS * SLOT_WORDS);
  #used = 0;

  find(hash: number, isIt: (id: number) => boolean): number {
    return this.words[this.#probe(hash, isIt)] as number;
  }

  add(hash: number, id: number): void {
    if ((this.#used + 1) * SLOT_WORDS > this.words.length * MAX_LOAD) this.#grow();
    this.#used++;
    this.#put(hash, id);
  }

  #grow(): void {
    const old = this.words;
    this.words = new Int32Array(slotsFor(this.#used + 1) * SLOT_WORDS);
    for (let slot = 0; slot < old.length; slot += SLOT_WORDS)
      if (old[slot] !== NONE) this.#put(old[slot + 1] as number, old[slot] as number);
  }

  #put(hash: number, id: number): void {
    const slot = this.#probe(hash, () => false);
    this.words[slot] = id;
    this.words[slot + 1] = hash;
  }

  /** Returns the slot that has this hash and an id for which `isIt` is true, else an empty slot. */
  #probe(hash: number, isIt: (id: number) => boolean): number {
    const { words } = this;
    // Scaling the hash instead of taking a remainder allows a segment to have any number of slots.
    // The lowest byte is ignored, because it selects the segment.
    let slot = Math.floor(((hash >>> 8) / 2 ** 24) * (words.length / SLOT_WORDS)) * SLOT_WORDS;
    for (let id = words[slot] as number; id !== NONE; id = words[slot] as number) {
      if (words[slot + 1] === hash && isIt(id)) break;
      slot += SLOT_WORDS;
      if (slot === words.length) slot = 0;
    }
    return slot;
  }
}
