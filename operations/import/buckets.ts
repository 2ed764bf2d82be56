import { appendFileSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

const FLUSH_CHARACTERS = 65_536;

/**
 * Distributes lines of text over temporary files by the hash of a key. All lines of a key are in
 * one bucket, in the order in which they were added, so a join of two large sets keeps only one
 * bucket in memory.
 */
export class Buckets {
  readonly #paths: readonly string[];
  readonly #pending: string[];

  constructor(folder: string, name: string, count: number) {
    this.#paths = Array.from({ length: count }, (_, index) => join(folder, `${name}.${index}`));
    this.#pending = this.#paths.map(() => '');
  }

  add(key: string, line: string): void {
    const index = hashOf(key) % this.#paths.length;
    const pending = `${this.#pending[index] ?? ''}${line}\n`;
    this.#pending[index] = pending;
    if (pending.length >= FLUSH_CHARACTERS) this.#flush(index);
  }

  /** Yields the lines of each bucket that is not empty, and removes the bucket. */
  async *take(): AsyncGenerator<readonly string[], void, undefined> {
    for (const [index, path] of this.#paths.entries()) {
      this.#flush(index);
      const text = await readFile(path, 'utf8');
      if (text !== '') yield text.slice(0, -1).split('\n');
      rmSync(path);
    }
  }

  #flush(index: number): void {
    appendFileSync(this.#paths[index] ?? '', this.#pending[index] ?? '', { mode: 0o600 });
    this.#pending[index] = '';
  }
}

/** Returns the 32-bit FNV-1a hash of a key's UTF-16 code units. It is the same in every run. */
export function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index++)
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193) >>> 0;
  return hash;
}
