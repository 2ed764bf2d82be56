/** How long a manual change to a table may go unnoticed. */
const MAX_AGE_MS = 60_000;

interface Entry {
  readonly mark: string;
  readonly atMs: number;
  readonly value: unknown;
}

/**
 * Keeps the facts about the tables of streams until their sink commits again, because a status
 * requires several queries per table.
 */
export class TableCache {
  readonly #entries = new Map<string, Entry>();

  /**
   * Returns the kept value, or reads it if the mark has changed or a minute has passed. Does not
   * keep undefined, which means that the value could not be read.
   * @param mark text that changes with every insert, such as the committed offsets. Without it, the
   *   value is not kept.
   */
  async get<T>(name: string, mark: string | undefined, read: () => Promise<T>): Promise<T> {
    const kept = this.#entries.get(name);
    const nowMs = performance.now();
    if (mark !== undefined && kept?.mark === mark && nowMs - kept.atMs < MAX_AGE_MS) return kept.value as T;
    const value = await read();
    if (mark !== undefined && value !== undefined) this.#entries.set(name, { mark, atMs: nowMs, value });
    else this.#entries.delete(name);
    return value;
  }
}
