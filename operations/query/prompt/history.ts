import { closeSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { redacted } from '../../../core/redact.ts';
import { makePrivateFolder, openPrivate, readPrivate, writePrivate } from '../../../core/private-files.ts';

const MAX_ENTRIES = 1_000;

/** Lines that may contain a credential, or that begin with a space, are not kept. */
const unkept = /^\s|passw|secret|token|credential|identified|access_?key|api_?key/i;

/** The statements of earlier sessions, in a file that only the user may read. */
export class History {
  readonly #path: string;
  /** The latest first, as readline expects. */
  readonly entries: readonly string[];

  /**
   * Reads the latest entries, and removes older ones from a long file. Without a readable file, the
   * history is empty.
   */
  constructor(dataDir: string) {
    this.#path = join(dataDir, 'query-history');
    const lines = (readPrivate(this.#path) ?? '').split('\n').filter((line) => line !== '');
    this.entries = lines.slice(-MAX_ENTRIES).reverse();
    if (lines.length > MAX_ENTRIES * 2)
      this.#attempt(() => writePrivate(this.#path, `${[...this.entries].reverse().join('\n')}\n`));
    this.#attempt(() => makePrivateFolder(dataDir));
  }

  /** @param line a command or a statement, without line breaks. */
  add(line: string): void {
    if (!isKept(line)) return;
    this.#attempt(() => {
      const file = openPrivate(this.#path);
      try {
        writeSync(file, `${line}\n`);
      } finally {
        closeSync(file);
      }
    });
  }

  /** Ignores errors, because a history that cannot be written must not end the prompt. */
  #attempt(work: () => void): void {
    try {
      work();
    } catch {
      // The history is optional.
    }
  }
}

/** Returns whether a line goes into the history. */
export function isKept(line: string): boolean {
  return line.trim() !== '' && !unkept.test(line) && redacted(line) === line;
}
