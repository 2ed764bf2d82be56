import { ConfigError, StreamNotFoundError } from '../../core/errors.ts';
import { isJsonObject, type JsonObject } from '../../core/json.ts';
import type { ChartMogulClient, Query } from '../../producers/chartmogul/client.ts';
import { readList } from '../../producers/chartmogul/list-reader.ts';
import { sourceList } from '../../producers/chartmogul/source-list.ts';
import { streams } from '../../producers/chartmogul/streams.ts';
import { shownValue } from '../../core/settings/setting-values.ts';

/**
 * Above this number of customers, reading the entire list is faster than one request per customer.
 */
export const MAX_LOOKUPS = 200;

export type SourceListName = 'customers' | 'plans' | 'invoices' | 'subscription_events';

/** The records that the data source already contains, read through the API. */
export class SourceRecords {
  readonly #client: ChartMogulClient;
  readonly dataSource: string;
  #plans: Promise<ReadonlySet<string>> | undefined;
  #customers: Promise<ReadonlySet<string>> | undefined;
  #lookups = 0;

  constructor(client: ChartMogulClient, dataSource: string) {
    this.#client = client;
    this.dataSource = dataSource;
  }

  /** Returns the data source's name. @throws ConfigError if the account has no such data source. */
  async name(): Promise<string> {
    const found = await this.#find();
    // Without a UUID, the request returns the list instead.
    if (found?.['uuid'] === this.dataSource) return typeof found['name'] === 'string' ? found['name'] : '';
    const remedy = 'GET /data_sources returns the UUIDs of all data sources';
    throw new ConfigError(
      `--data-source must be the UUID of a data source of this account; got ${shownValue(this.dataSource)}: ${remedy}`,
    );
  }

  async #find(): Promise<JsonObject | undefined> {
    try {
      return await this.#client.get(`/data_sources/${encodeURIComponent(this.dataSource)}`);
    } catch (error) {
      if (error instanceof StreamNotFoundError) return undefined;
      throw error;
    }
  }

  /** Yields the rows of a list that belong to the data source. */
  async *list(name: SourceListName, query: Query = {}): AsyncGenerator<JsonObject, void, undefined> {
    const spec = streams.find((stream) => stream.name === name);
    if (spec === undefined) throw new RangeError(`no stream ${name}`);
    const list = sourceList(spec, spec.paths[0], { data_source_uuid: this.dataSource, ...query });
    for await (const { entries } of readList(this.#client, list, {}))
      yield* entries.map(({ value }) => value).filter(isJsonObject);
  }

  async hasPlan(externalId: string): Promise<boolean> {
    this.#plans ??= this.#externalIds('plans');
    return (await this.#plans).has(externalId);
  }

  /** Returns the given customers that exist in the data source. */
  async existing(customers: readonly string[]): Promise<ReadonlySet<string>> {
    this.#lookups += customers.length;
    if (this.#lookups > MAX_LOOKUPS) this.#customers ??= this.#externalIds('customers');
    if (this.#customers !== undefined) {
      const known = await this.#customers;
      return new Set(customers.filter((customer) => known.has(customer)));
    }
    const found = await Promise.all(customers.map((customer) => this.#hasCustomer(customer)));
    return new Set(customers.filter((_, index) => found[index] === true));
  }

  async #hasCustomer(externalId: string): Promise<boolean> {
    for await (const row of this.list('customers', { external_id: externalId }))
      if (externalIdsOf(row).includes(externalId)) return true;
    return false;
  }

  async #externalIds(name: 'plans' | 'customers'): Promise<ReadonlySet<string>> {
    const found = new Set<string>();
    for await (const row of this.list(name))
      for (const externalId of externalIdsOf(row)) found.add(externalId);
    return found;
  }
}

/** Returns all external ids of a record. A merged customer has several. */
export function externalIdsOf(row: JsonObject): readonly string[] {
  const all = Array.isArray(row['external_ids']) ? row['external_ids'] : [];
  return [row['external_id'], ...all].filter((value) => typeof value === 'string');
}
