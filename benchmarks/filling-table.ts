import { qualified, type ClickHouseClient } from '../core/clickhouse/client.ts';
import { LocalServiceError } from '../core/errors.ts';
import type { BenchProcess } from './child-process.ts';
import { pause, type Turn } from './environment.ts';
import { LINE_ITEMS } from './invoice-topic.ts';
import { selectNumbers } from './table-query.ts';

/** Each poll takes a few milliseconds of the server's CPU time away from the measured work. */
const POLL_MS = 100;
const PATIENCE_MS = 60_000;

export class FillingTable {
  readonly #client: ClickHouseClient;
  readonly #turn: Turn;
  readonly #name: string;

  constructor(client: ClickHouseClient, turn: Turn, table: string) {
    this.#client = client;
    this.#turn = turn;
    this.#name = qualified(turn.database, table);
  }

  /**
   * Returns the time, from `performance.now()`, at which the table first had all rows.
   * @param child the process that fills the table, if this benchmark started it.
   * @throws LocalServiceError if the child ends too soon, if no row arrives for a minute, or if the
   * rows differ from the sent messages.
   */
  async filled(child?: BenchProcess): Promise<number> {
    const { messages, signal } = this.#turn;
    let rows = 0;
    let grewMs = performance.now();
    for (;;) {
      const [now = 0] = await this.#select('count()');
      const seenMs = performance.now();
      if (now >= messages) {
        await this.#verify();
        return seenMs;
      }
      if (now > rows) grewMs = seenMs;
      rows = now;
      child?.requireRunning();
      if (seenMs > grewMs + PATIENCE_MS)
        throw new LocalServiceError(
          `${this.#name} has ${rows} of ${messages} rows and has received no more for ${PATIENCE_MS / 1000} s${child?.lastWords() ?? ''}`,
        );
      await pause(POLL_MS, signal);
    }
  }

  async #verify(): Promise<void> {
    const { messages } = this.#turn;
    const found = await this.#select('uniqExact(uuid), sum(number), sum(length(line_items))');
    const expected = [messages, (messages * (messages - 1)) / 2, messages * LINE_ITEMS];
    if (expected.some((value, index) => value !== found[index]))
      throw new LocalServiceError(
        `${this.#name} does not contain each of the ${messages} sent messages exactly once`,
      );
  }

  async #select(expressions: string): Promise<readonly number[]> {
    const { settings, signal } = this.#turn;
    const query = `SELECT ${expressions} FROM ${this.#name}`;
    const [row = []] = await selectNumbers(this.#client, settings, query, signal);
    return row;
  }
}
