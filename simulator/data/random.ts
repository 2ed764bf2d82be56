const labelHashes = new Map<string, number>();

/**
 * A stateless random generator: every draw is a hash of the seed, a label and up to three numbers.
 * The same draw always has the same result, in any order, so no result has to be stored.
 */
export class Random {
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed | 0;
  }

  /** Returns 32 random bits, as an unsigned integer. */
  bits(label: string, a = 0, b = 0, c = 0): number {
    let hash = stir(this.#seed ^ 0x9e37_79b9, hashOf(label));
    hash = stir(hash, a);
    hash = stir(hash, b);
    hash = stir(hash, c);
    hash ^= hash >>> 16;
    hash = Math.imul(hash, 0x85eb_ca6b);
    hash ^= hash >>> 13;
    hash = Math.imul(hash, 0xc2b2_ae35);
    return (hash ^ (hash >>> 16)) >>> 0;
  }

  /** Returns a number in [0, 1). */
  share(label: string, a = 0, b = 0, c = 0): number {
    return this.bits(label, a, b, c) / 2 ** 32;
  }

  chance(label: string, probability: number, a = 0, b = 0, c = 0): boolean {
    return this.share(label, a, b, c) < probability;
  }

  /** Returns an integer from `low` to `high`, both included. */
  integer(label: string, low: number, high: number, a = 0, b = 0, c = 0): number {
    return low + Math.floor(this.share(label, a, b, c) * (high - low + 1));
  }

  pick<T>(label: string, list: readonly T[], a = 0, b = 0, c = 0): T {
    const choice = list[Math.floor(this.share(label, a, b, c) * list.length)];
    if (choice === undefined) throw new RangeError(`nothing to pick from for ${label}`);
    return choice;
  }
}

function stir(hash: number, value: number): number {
  let part = Math.imul(value | 0, 0xcc9e_2d51);
  part = (part << 15) | (part >>> 17);
  const mixed = hash ^ Math.imul(part, 0x1b87_3593);
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe654_6b64) | 0;
}

function hashOf(label: string): number {
  let hash = labelHashes.get(label);
  if (hash === undefined) {
    hash = 0x811c_9dc5;
    for (let index = 0; index < label.length; index++)
      hash = Math.imul(hash ^ label.charCodeAt(index), 0x0100_0193);
    labelHashes.set(label, hash);
  }
  return hash;
}
