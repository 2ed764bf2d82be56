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

/** A slot has two 32-bit words in `prints`: 24 bits of fingerprint and the state, and 32 bits. */
const PRINT_WORDS = 2;
/** A slot has four 32-bit words in `hashes`: 64 bits of record hash, and 64 of text hash. */
const HASH_WORDS = 4;
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
  readonly #words = new Int32Array(HASH_WORDS);
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
    return this.#segments.reduce((bytes, segment) => bytes + segment.bytes, 0);
  }

  /**
   * Records that the topic has a record with this hash for the key. A new key is unseen.
   *
   * @param text the hash of the record's JSON text, if the text alone determines the record.
   * @throws RangeError for a hash of fewer than 8 bytes.
   */
  set(key: Key, hash: RecordHash, text = NO_TEXT): void {
    const words = this.#words;
    words[0] = hash.readInt32LE(0);
    words[1] = hash.readInt32LE(4);
    words[2] = wordOf(text, 0);
    words[3] = wordOf(text, 4);
    this.setWords(key, words);
  }

  /** Like {@link set}, with both hashes as four integers. */
  setWords(key: Key, words: Int32Array): void {
    const { first: high, second: low } = HashedKey.of(key);
    const segment = this.#segmentOf(high);
    const slot = segment.claim(high, low);
    if (segment.state(slot) < UNSEEN) {
      segment.setState(slot, UNSEEN);
      this.#size++;
      this.#unseen++;
    }
    const at = slot * HASH_WORDS;
    for (let word = 0; word < HASH_WORDS; word++) segment.hashes[at + word] = words[word] as number;
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
    const at = slot * HASH_WORDS;
    const isSame = segment.hashes[at] === first && segment.hashes[at + 1] === second;
    return isSame ? 'unchanged' : 'changed';
  }

  /** Returns whether the record on the topic was read from this text. */
  holdsText(key: Key, text: TextHash): boolean {
    const { segment, slot, state } = this.#find(key);
    if (state < UNSEEN || text === NO_TEXT) return false;
    const at = slot * HASH_WORDS + 2;
    return segment.hashes[at] === wordOf(text, 0) && segment.hashes[at + 1] === wordOf(text, 4);
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
 * Open addressing with linear probing. A key's fingerprint is bytes 0 to 7 of its digest. The state
 * replaces byte 0, which selects the segment. Probing reads only fingerprints, so that a cache line
 * holds eight slots.
 */
class Segment {
  hashes = new Int32Array(MIN_SLOTS * HASH_WORDS);
  #prints = new Int32Array(MIN_SLOTS * PRINT_WORDS);
  #slots = MIN_SLOTS;
  /** Slots that are not empty. */
  #used = 0;

  get bytes(): number {
    return this.hashes.byteLength + this.#prints.byteLength;
  }

  state(slot: number): number {
    return this.#print(slot) & STATE_MASK;
  }

  setState(slot: number, state: number): void {
    this.#prints[slot * PRINT_WORDS] = (this.#print(slot) & ~STATE_MASK) | state;
  }

  /** Returns the slot of the key, and adds the key if it is missing. May move other slots. */
  claim(high: number, low: number): number {
    let slot = this.find(high, low);
    if (this.state(slot) !== EMPTY) return slot;
    if (this.#used + 1 > this.#slots * MAX_LOAD) {
      this.#grow();
      slot = this.find(high, low);
    }
    this.#prints[slot * PRINT_WORDS] = (high & ~STATE_MASK) | DEAD;
    this.#prints[slot * PRINT_WORDS + 1] = low;
    this.#used++;
    return slot;
  }

  unseeAll(): void {
    for (let slot = 0; slot < this.#slots; slot++) if (this.state(slot) === SEEN) this.setState(slot, UNSEEN);
  }

  /** Returns the slot of the key, or the empty slot for it. */
  find(high: number, low: number): number {
    const prints = this.#prints;
    const slots = this.#slots;
    let slot = this.#firstSlot(low);
    for (;;) {
      const print = prints[slot * PRINT_WORDS] as number;
      if ((print & STATE_MASK) === EMPTY) return slot;
      if (prints[slot * PRINT_WORDS + 1] === low && ((print ^ high) & ~STATE_MASK) === 0) return slot;
      if (++slot === slots) slot = 0;
    }
  }

  /**
   * Scales the key instead of taking a remainder, so that a segment may have any number of slots.
   */
  #firstSlot(low: number): number {
    return Math.floor(((low >>> 0) / 2 ** 32) * this.#slots);
  }

  /** Drops dead slots, so a segment may shrink after many deletes. */
  #grow(): void {
    const [oldSlots, oldPrints, oldHashes] = [this.#slots, this.#prints, this.hashes];
    let live = 0;
    for (let slot = 0; slot < oldSlots; slot++) if (this.state(slot) >= UNSEEN) live++;
    const slots = Math.max(MIN_SLOTS, slotsFor(live + 1));
    const prints = new Int32Array(slots * PRINT_WORDS);
    const hashes = new Int32Array(slots * HASH_WORDS);
    this.#slots = slots;
    this.#prints = prints;
    this.hashes = hashes;
    this.#used = live;
    for (let from = 0; from < oldSlots; from++) {
      const print = oldPrints[from * PRINT_WORDS] as number;
      if ((print & STATE_MASK) < UNSEEN) continue;
      const low = oldPrints[from * PRINT_WORDS + 1] as number;
      // All keys differ, so the first empty slot is the right one.
      let to = this.#firstSlot(low);
      while (prints[to * PRINT_WORDS] !== EMPTY) if (++to === slots) to = 0;
      prints[to * PRINT_WORDS] = print;
      prints[to * PRINT_WORDS + 1] = low;
      for (let word = 0; word < HASH_WORDS; word++)
        hashes[to * HASH_WORDS + word] = oldHashes[from * HASH_WORDS + word] as number;
    }
  }

  #print(slot: number): number {
    return this.#prints[slot * PRINT_WORDS] as number;
  }
}
