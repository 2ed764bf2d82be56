import type { ClickHouseClient } from '../core/clickhouse/client.ts';
import type { Settings } from '../core/settings/config.ts';
import { LocalServiceError } from '../core/errors.ts';
import { pause } from './environment.ts';
import type { InvoiceFlow } from './invoice-flow.ts';
import { selectNumbers } from './table-query.ts';

const POLL_MS = 10;
const LAST_WITHIN_MS = 60_000;

/** Polls a table to determine when the message at each offset became visible as a row. */
export class VisibleRows {
  readonly #client: ClickHouseClient;
  readonly #settings: Settings;
  readonly #table: string;
  /** For each partition, the highest visible offset at each time, in ascending order. */
  readonly #sightings = new Map<number, { readonly offset: number; readonly atMs: number }[]>();

  constructor(client: ClickHouseClient, settings: Settings, table: string) {
    this.#client = client;
    this.#settings = settings;
    this.#table = table;
  }

  /**
   * @throws LocalServiceError if rows are still missing a minute after Kafka acknowledged the last
   * message.
   */
  async watch(
    flow: Pick<InvoiceFlow, 'sent' | 'endMs'>,
    requireRunning: () => void,
    signal: AbortSignal,
  ): Promise<void> {
    while (flow.endMs === undefined || this.#visible < flow.sent) {
      requireRunning();
      if (flow.endMs !== undefined && performance.now() > flow.endMs + LAST_WITHIN_MS)
        throw new LocalServiceError(
          `${this.#table} still has only ${this.#visible} of ${flow.sent} rows ${LAST_WITHIN_MS / 1000} s after Kafka acknowledged the last message`,
        );
      await pause(POLL_MS, signal);
      const looked = await this.#select('_partition, max(_offset), count()', 'GROUP BY _partition', signal);
      const nowMs = Date.now();
      for (const [partition = 0, offset = 0, rows = 0] of looked) {
        // If there is a gap below the highest offset, it is unknown which rows are visible: poll
        // again.
        if (rows > offset) this.#saw(partition, offset, nowMs);
      }
    }
  }

  /**
   * Returns the latency in milliseconds of each invoice of this flow. Earlier invoices are left
   * out.
   * @throws LocalServiceError unless the table contains each sent message exactly once.
   */
  async latencies(
    { from, sent }: Pick<InvoiceFlow, 'from' | 'sent'>,
    signal: AbortSignal,
  ): Promise<readonly number[]> {
    const rows = await this.#select('number, toUnixTimestamp64Milli(date), _partition, _offset', '', signal);
    if (rows.length !== sent || new Set(rows.map(([number]) => number)).size !== sent)
      throw new LocalServiceError(
        `${this.#table} does not contain each of the ${sent} sent messages exactly once`,
      );
    return rows
      .filter(([number = 0]) => number >= from)
      .map(([, dateMs = NaN, partition = 0, offset = 0]) => this.#seenAt(partition, offset) - dateMs);
  }

  get #visible(): number {
    const highest = [...this.#sightings.values()].map((sightings) => sightings.at(-1)?.offset ?? -1);
    return highest.reduce((sum, offset) => sum + offset + 1, 0);
  }

  #saw(partition: number, offset: number, atMs: number): void {
    const sightings = this.#sightings.get(partition) ?? [];
    this.#sightings.set(partition, sightings);
    if (offset > (sightings.at(-1)?.offset ?? -1)) sightings.push({ offset, atMs });
  }

  #seenAt(partition: number, offset: number): number {
    const sighting = this.#sightings.get(partition)?.find((seen) => seen.offset >= offset);
    return sighting?.atMs ?? NaN;
  }

  #select(expressions: string, rest: string, signal: AbortSignal): Promise<number[][]> {
    const query = `SELECT ${expressions} FROM ${this.#table} ${rest}`;
    return selectNumbers(this.#client, this.#settings, query, signal);
  }
}
