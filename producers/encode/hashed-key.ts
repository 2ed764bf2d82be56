import { hash } from 'node:crypto';

/** A key and 64 bits of its SHA-256, computed once for lookups in several tables. */
export class HashedKey<K extends string | Buffer = string | Buffer> {
  readonly value: K;
  readonly first: number;
  readonly second: number;

  constructor(value: K) {
    this.value = value;
    // Allocating a Buffer would take longer than computing the digest.
    const digest = hash('sha256', value, 'binary');
    this.first = wordOf(digest, 0);
    this.second = wordOf(digest, 4);
  }

  static of(key: string | Buffer | HashedKey): HashedKey {
    return key instanceof HashedKey ? key : new HashedKey(key);
  }
}

/** Returns four bytes of a digest as an integer. Each character of the digest is one byte. */
export function wordOf(digest: string, at: number): number {
  return (
    digest.charCodeAt(at) |
    (digest.charCodeAt(at + 1) << 8) |
    (digest.charCodeAt(at + 2) << 16) |
    (digest.charCodeAt(at + 3) << 24)
  );
}
