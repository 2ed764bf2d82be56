import { HashedKey, wordOf } from '../encode/hashed-key.ts';
import type { TextHash } from '../chartmogul/list-entry.ts';
import type { RecordHash } from '../encode/record-hash.ts';

/** A key, with its digest if known. */
export type Key = string | Buffer | HashedKey;

/** The result of comparing a record with the topic. */
export type Change = 'new' | 'changed' | 'unchanged';

/**
 * A slot's state is the lowest byte of its first word. A dead slot keeps its key until the segment
 * grows.
 */
const STATE_MASK = 0xff;
const EMPTY = 0;
const DEAD = 1;
const UNSEEN = 2;
const SEEN = 3;

/**
 * A slot is six 32-bit words: 24 bits of fingerprint and the state, 32 of fingerprint, 64 of record
 * hash, 64 of text hash.
 */
const SLOT_WORDS = 6;
/** The first byte of a fingerprint selects the segment, so a slot does not store it. */
export const SEGMENTS = 256;
const MIN_SLOTS = 8;
const NO_TEXT: TextHash = '\0'.repeat(8);
/** With a higher load, looking up a missing key would be slow. */
export const MAX_LOAD = 0.85;
/** Segments fill evenly: just after growing, a key uses 24 × GROWTH / MAX_LOAD = 35 bytes. */
const GROWTH = 1.25;

/** Returns the number of slots of a segment that has grown to hold the given number of entries. */
export function slotsFor(entries: number): number {
  return Math.ceil((entries * GROWTH) / MAX_LOAD);
}

/**
 * Maps a key to the hash of its record on the topic, and records whether this run has seen the key.
 * With at least ten thousand keys, it uses 28 to 36 bytes per key. It grows one segment at a time,
 * so it never has two copies of a large part.
 *
 * The table stores only 64 bits of a key's SHA-256. Among ten million keys, the probability that
 * any two share these bits is 3 in a million. Such a pair shares an entry. Both look changed in
 * every run and are sent again, which leads to the same rows. If one of them vanishes, the run does
 * not notice.
 */
export class KeyTable {
  readonly #segments = Array.from({ length: SEGMENTS }, () => new Segment());
  #size = 0;
  #unseen = 0;

  get size(): number {
    return this.#size;
  }

  /** Number of live keys that this run has not seen. */
  get unseen(): number {
    return this.#unseen;
  }

  get bytes(): number {
    return this.#segments.reduce((bytes, segment) => bytes + segment.words.byteLength, 0);
  }

  /**
   * Records that the topic has a record with this hash for the key. A new key is unseen.
   *
   * @param text the hash of the record's JSON text, if the text alone determines the record.
   * @throws RangeError for a hash of fewer than 8 bytes.
   */
  set(key: Key, hash: RecordHash, text = NO_TEXT): void {
    this.setWords(key, hash.readInt32LE(0), hash.readInt32LE(4), wordOf(text, 0), wordOf(text, 4));
  }

  /** Like {@link set}, but with the hashes as integers. */
  setWords(key: Key, first: number, second: number, textFirst: number, textSecond: number): void {
    const { first: high, second: low } = HashedKey.of(key);
    const segment = this.#segmentOf(high);
    const slot = segment.claim(high, low);
    if (segment.state(slot) < UNSEEN) {
      segment.setState(slot, UNSEEN);
      this.#size++;
      this.#unseen++;
    }
    segment.words[slot + 2] = first;
    segment.words[slot + 3] = second;
    segment.words[slot + 4] = textFirst;
    segment.words[slot + 5] = textSecond;
  }

  /** Records that the topic has a tombstone for the key. */
  delete(key: Key): void {
    const { segment, slot, state } = this.#find(key);
    if (state < UNSEEN) return;
    segment.setState(slot, DEAD);
    this.#size--;
    if (state === UNSEEN) this.#unseen--;
  }

  /**
   * Compares a record with the one on the topic. Changes nothing.
   *
   * @throws RangeError for a hash of fewer than 8 bytes.
   */
  compare(key: Key, hash: RecordHash): Change {
    const [first, second] = [hash.readInt32LE(0), hash.readInt32LE(4)];
    const { segment, slot, state } = this.#find(key);
    if (state < UNSEEN) return 'new';
    const isSame = segment.words[slot + 2] === first && segment.words[slot + 3] === second;
    return isSame ? 'unchanged' : 'changed';
  }

  /** Returns whether the record on the topic was read from this text. */
  holdsText(key: Key, text: TextHash): boolean {
    const { segment, slot, state } = this.#find(key);
    if (state < UNSEEN || text === NO_TEXT) return false;
    return segment.words[slot + 4] === wordOf(text, 0) && segment.words[slot + 5] === wordOf(text, 4);
  }

  has(key: Key): boolean {
    return this.#find(key).state >= UNSEEN;
  }

  /** Records that this run has seen the key. Does nothing for a missing key. */
  see(key: Key): void {
    const { segment, slot, state } = this.#find(key);
    if (state !== UNSEEN) return;
    segment.setState(slot, SEEN);
    this.#unseen--;
  }

  /** Returns false for a missing key. */
  isSeen(key: Key): boolean {
    return this.#find(key).state === SEEN;
  }

  unseeAll(): void {
    for (const segment of this.#segments) segment.unseeAll();
    this.#unseen = this.#size;
  }

  #find(key: Key): { segment: Segment; slot: number; state: number } {
    const { first, second } = HashedKey.of(key);
    const segment = this.#segmentOf(first);
    const slot = segment.find(first, second);
    return { segment, slot, state: segment.state(slot) };
  }

  #segmentOf(first: number): Segment {
    // There is a segment for every value of a byte.
    return this.#segments[first & 0xff] as Segment;
  }
}

/**
 * Open addressing with linear probing. A slot is the index of its first word. A key's fingerprint
 * is bytes 0 to 7 of its digest. The state replaces byte 0, which selects the segment.
 */
class Segment {
  words = new Int32Array(MIN_SLOTS * SLOT_WORDS);
  /** Slots that are not empty. */
  #used = 0;

  state(slot: number): number {
    return this.#word(slot) & STATE_MASK;
  }

  setState(slot: number, state: number): void {
    this.words[slot] = (this.#word(slot) & ~STATE_MASK) | state;
  }

  /** Returns the slot of the key, and adds the key if it is missing. May move other slots. */
  claim(high: number, low: number): number {
    let slot = this.find(high, low);
    if (this.state(slot) !== EMPTY) return slot;
    if ((this.#used + 1) * SLOT_WORDS > this.words.length * MAX_LOAD) {
      this.#grow();
      slot = this.find(high, low);
    }
    this.words[slot] = (high & ~STATE_MASK) | DEAD;
    this.words[slot + 1] = low;
    this.#used++;
    return slot;
  }

  unseeAll(): void {
    for (let slot = 0; slot < this.words.length; slot += SLOT_WORDS)
      if (this.state(slot) === SEEN) this.setState(slot, UNSEEN);
  }

  /** Returns the slot of the key, or the empty slot for it. */
  find(high: number, low: number): number {
    const { words } = this;
    let slot = this.#firstSlot(low);
    while (this.state(slot) !== EMPTY) {
      if (words[slot + 1] === low && ((this.#word(slot) ^ high) & ~STATE_MASK) === 0) return slot;
      slot += SLOT_WORDS;
      if (slot === words.length) slot = 0;
    }
    return slot;
  }

  /**
   * Scales the key instead of taking a remainder, so that a segment may have any number of slots.
   */
  #firstSlot(low: number): number {
    return Math.floor(((low >>> 0) / 2 ** 32) * (this.words.length / SLOT_WORDS)) * SLOT_WORDS;
  }

  /** Drops dead slots, so a segment may shrink after many deletes. */
  #grow(): void {
    const old = this.words;
    let live = 0;
    for (let slot = 0; slot < old.length; slot += SLOT_WORDS) if (this.state(slot) >= UNSEEN) live++;
    const words = new Int32Array(Math.max(MIN_SLOTS, slotsFor(live + 1)) * SLOT_WORDS);
    this.words = words;
    this.#used = live;
    for (let from = 0; from < old.length; from += SLOT_WORDS) {
      if (((old[from] as number) & STATE_MASK) < UNSEEN) continue;
      // All keys differ, so the first empty slot is the right one.
      let to = this.#firstSlot(old[from + 1] as number);
      while (words[to] !== EMPTY) to = to + SLOT_WORDS === words.length ? 0 : to + SLOT_WORDS;
      for (let word = 0; word < SLOT_WORDS; word++) words[to + word] = old[from + word] as number;
    }
  }

  #word(index: number): number {
    return this.words[index] as number;
  }
}
