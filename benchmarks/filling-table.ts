import { qualified, type ClickHouseClient } from '../core/clickhouse/client.ts';
import type { Settings } from '../core/settings/config.ts';
import { LocalServiceError } from '../core/errors.ts';
import type { BenchProcess } from './child-process.ts';
import { pause } from './environment.ts';
import { expectedSums } from './invoice-topic.ts';
import { selectNumbers } from './table-query.ts';

/** A query costs the server some milliseconds, which the measured work lacks. */
const POLL_MS = 100;
const PATIENCE_MS = 60_000;

/** The table that a contender fills. */
export class FillingTable {
  readonly #client: ClickHouseClient;
  readonly #settings: Settings;
  readonly #name: string;
  readonly #messages: number;

  /** @param messages number of messages that become rows. */
  constructor(
    client: ClickHouseClient,
    { settings, database, messages }: { settings: Settings; database: string; messages: number },
    table: string,
  ) {
    this.#client = client;
    this.#settings = settings;
    this.#name = qualified(database, table);
    this.#messages = messages;
  }

  /**
   * Returns when the table was first seen with all the rows, by `performance.now()`.
   *
   * @param child that fills it, if it is one of ours.
   * @throws LocalServiceError if the child ends too soon, if nothing arrives for a minute, or if
   *   the rows are not what was sent: a contender that loses something has not won.
   */
  async filled(signal: AbortSignal, child?: BenchProcess): Promise<number> {
    let rows = 0;
    let grewMs = performance.now();
    for (;;) {
      const [now = 0] = await this.#select('count()', signal);
      const seenMs = performance.now();
      if (now >= this.#messages) {
        await this.#verify(signal);
        return seenMs;
      }
      if (now > rows) grewMs = seenMs;
      rows = now;
      child?.requireRunning();
      if (seenMs > grewMs + PATIENCE_MS)
        throw new LocalServiceError(
          `${this.#name} has ${rows} of ${this.#messages} rows and got no more for ${PATIENCE_MS / 1000} s${child?.lastWords() ?? ''}`,
        );
      await pause(POLL_MS, signal);
    }
  }

  async #verify(signal: AbortSignal): Promise<void> {
    const { numbers, lineItems } = expectedSums(this.#messages);
    const sums = 'uniqExact(uuid), sum(number), sum(length(line_items))';
    const found = await this.#select(sums, signal);
    const expected = [this.#messages, numbers, lineItems];
    if (expected.some((value, index) => value !== found[index]))
      throw new LocalServiceError(
        `${this.#name} does not hold the ${this.#messages} messages that were sent, each once`,
      );
  }

  async #select(expressions: string, signal: AbortSignal): Promise<readonly number[]> {
    const query = `SELECT ${expressions} FROM ${this.#name}`;
    const [row = []] = await selectNumbers(this.#client, this.#settings, query, signal);
    return row;
  }
}
