import pLimit from 'p-limit';
import type { JsonObject } from '../../../core/json.ts';
import type { ObjectCounts } from '../import-folder.ts';
import type { ImportProgress } from '../import-progress.ts';
import { externalIdsOf, MAX_LOOKUPS, type SourceRecords } from '../source-records.ts';

export type FoundKind = 'customer' | 'plan' | 'invoice' | 'subscription_event';

type Rows = AsyncIterable<JsonObject> | Iterable<JsonObject>;

type OnFound = (kind: FoundKind, externalId: string, record: JsonObject) => void;

const CONCURRENT_CUSTOMERS = 8;

/**
 * Reads the kinds of records that the file contains: plans from their complete list, and the others
 * with requests per customer if there are few customers, otherwise from their complete lists too.
 */
export async function readFound(
  source: SourceRecords,
  customers: readonly string[],
  counts: ObjectCounts,
  progress: ImportProgress,
  signal: AbortSignal,
  onFound: OnFound,
): Promise<void> {
  const read = async (kind: FoundKind, rows: Rows): Promise<void> => {
    for await (const row of rows) {
      signal.throwIfAborted();
      progress.records++;
      // A merged customer is found under each of its external ids.
      for (const externalId of new Set(externalIdsOf(row))) onFound(kind, externalId, row);
    }
  };
  const isFew = customers.length <= MAX_LOOKUPS;
  progress.begin('verifying', isFew ? customers.length + 1 : 4);
  if (counts.plan > 0) await read('plan', source.list('plans'));
  progress.done++;
  if (isFew) {
    const limit = pLimit(CONCURRENT_CUSTOMERS);
    const reading = customers.map((customer) =>
      limit(async () => {
        await readCustomer(source, customer, counts, read);
        progress.done++;
      }),
    );
    await Promise.all(reading);
    return;
  }
  if (counts.customer > 0) await read('customer', source.list('customers'));
  progress.done++;
  if (counts.invoice > 0) await read('invoice', source.list('invoices'));
  progress.done++;
  if (counts.subscription_event > 0) await read('subscription_event', source.list('subscription_events'));
  progress.done++;
}

async function readCustomer(
  source: SourceRecords,
  customer: string,
  counts: ObjectCounts,
  read: (kind: FoundKind, rows: Rows) => Promise<void>,
): Promise<void> {
  const found: JsonObject[] = [];
  for await (const row of source.list('customers', { external_id: customer })) found.push(row);
  await read('customer', found);
  for (const { uuid } of found) {
    if (counts.invoice > 0 && typeof uuid === 'string')
      await read('invoice', source.list('invoices', { customer_uuid: uuid }));
  }
  if (counts.subscription_event > 0)
    await read('subscription_event', source.list('subscription_events', { customer_external_id: customer }));
}
