import { createHash } from 'node:crypto';
import type { Entry } from './entry.ts';
import { objectNames, recordKinds } from './record-kinds.ts';

/** ChartMogul's limit for the body of a request (dev.chartmogul.com/reference/import-data-bulk). */
export const MAX_BATCH_BYTES = 5_000_000;

/** ChartMogul recommends 100 to 1,000 customers per request. */
export const MAX_BATCH_CUSTOMERS = 1_000;

/** All records of one customer in the file. */
export interface CustomerEntries {
  readonly customer: string;
  readonly entries: readonly Entry[];
}

/** The records of one request, grouped by customer; each group is in the order of the file. */
export interface Batch {
  readonly entries: readonly PlacedEntry[];
  readonly customers: number;
  /**
   * Whether it contains more records of the previous batch's only customer, and must wait for that
   * batch.
   */
  readonly continues: boolean;
}

export interface PlacedEntry extends Entry {
  /** Undefined for a plan. */
  readonly customer: string | undefined;
}

/**
 * Maximum size of a body without its records, in bytes: brackets, array names and `external_id`.
 */
const FRAME_BYTES = 512;

/**
 * Packs records into requests. All records of a customer are in one request, unless they exceed the
 * limit. In that case, they are in consecutive requests that contain no other customer.
 */
export class BatchPacker {
  readonly #maxBytes: number;
  readonly #maxCustomers: number;
  #entries: PlacedEntry[] = [];
  #bytes = FRAME_BYTES;
  #customers = 0;

  constructor(maxBytes = MAX_BATCH_BYTES, maxCustomers = MAX_BATCH_CUSTOMERS) {
    this.#maxBytes = maxBytes;
    this.#maxCustomers = maxCustomers;
  }

  /** Adds the records of a customer. Returns the batches that are then complete. */
  add({ customer, entries }: CustomerEntries): Batch[] {
    const placed = entries.map((entry) => ({ ...entry, customer }));
    const bytes = placed.reduce((sum, entry) => sum + bytesOf(entry), 0);
    const full: Batch[] = [];
    if (this.#bytes + bytes > this.#maxBytes || this.#customers === this.#maxCustomers)
      full.push(...this.end());
    if (FRAME_BYTES + bytes > this.#maxBytes) return [...full, ...this.#split(placed)];
    this.#entries.push(...placed);
    this.#bytes += bytes;
    this.#customers++;
    return full;
  }

  /** Returns the last batch, if it has records. */
  end(): Batch[] {
    if (this.#entries.length === 0) return [];
    const batch = { entries: this.#entries, customers: this.#customers, continues: false };
    this.#entries = [];
    this.#bytes = FRAME_BYTES;
    this.#customers = 0;
    return [batch];
  }

  #split(entries: readonly PlacedEntry[]): Batch[] {
    return partsOf(inSendingOrder(entries), this.#maxBytes).map((part, index) => ({
      entries: part.sort(byLine),
      customers: 1,
      continues: index > 0,
    }));
  }
}

/** Returns the batches of plans, which are sent first. */
export function packPlans(plans: readonly Entry[], maxBytes = MAX_BATCH_BYTES): Batch[] {
  const placed = plans.map((entry) => ({ ...entry, customer: undefined }));
  return partsOf(placed, maxBytes).map((entries) => ({ entries, customers: 0, continues: false }));
}

function partsOf(entries: readonly PlacedEntry[], maxBytes: number): PlacedEntry[][] {
  const parts: PlacedEntry[][] = [];
  let bytes = Infinity;
  for (const entry of entries) {
    const size = bytesOf(entry);
    if (bytes + size > maxBytes) {
      parts.push([]);
      bytes = FRAME_BYTES;
    }
    parts.at(-1)?.push(entry);
    bytes += size;
  }
  return parts;
}

/**
 * Returns the customer first, then each invoice with its line items and transactions, then the
 * events.
 */
function inSendingOrder(entries: readonly PlacedEntry[]): PlacedEntry[] {
  const invoiceOf = ({ object, id, parent }: PlacedEntry) => (object === 'invoice' ? id : parent) ?? '';
  const ofInvoices = new Map<string, PlacedEntry[]>();
  for (const entry of entries) {
    if (entry.object !== 'invoice') continue;
    ofInvoices.set(invoiceOf(entry), [entry]);
  }
  for (const entry of entries) {
    if (entry.object === 'line_item' || entry.object === 'transaction')
      ofInvoices.get(invoiceOf(entry))?.push(entry);
  }
  return [
    ...entries.filter(({ object }) => object === 'customer'),
    ...[...ofInvoices.values()].flat(),
    ...entries.filter(({ object }) => object === 'subscription_event'),
  ];
}

function byLine(left: Entry, right: Entry): number {
  return left.line - right.line;
}

/** Returns the size of the record in bytes, including the comma that separates it. */
function bytesOf({ json }: Entry): number {
  return Buffer.byteLength(json) + 1;
}

/** The body of a request, and the external id that identifies its import. */
export interface RequestBody {
  readonly externalId: string;
  readonly body: string;
}

/** Returns the same body and external id for the same records and data source in every run. */
export function requestOf(dataSource: string, entries: readonly Entry[]): RequestBody {
  const arrays = objectNames.flatMap((object) => {
    const records = entries.filter((entry) => entry.object === object).map(({ json }) => json);
    return records.length === 0 ? [] : [`"${recordKinds[object].array}":[${records.join(',')}]`];
  });
  const content = arrays.join(',');
  const digest = createHash('sha256').update(`${dataSource}\n${content}`).digest('hex');
  const externalId = `chartmogul-clickhouse-${digest.slice(0, 40)}`;
  return { externalId, body: `{"external_id":"${externalId}",${content}}` };
}
