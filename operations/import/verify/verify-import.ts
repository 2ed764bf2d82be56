import { isJsonObject, jsonText, parseJson, type JsonObject, type JsonValue } from '../../../core/json.ts';
import { Buckets, hashOf } from '../buckets.ts';
import { FaultList } from '../faults.ts';
import type { BatchEnd, BatchLine, ImportFolder, ImportPlan, PlannedBatch } from '../import-folder.ts';
import type { ImportProgress } from '../import-progress.ts';
import { objectNames, recordKinds, textOf, type ObjectName } from '../record-kinds.ts';
import type { SourceRecords } from '../source-records.ts';
import { differingFields } from './compare-record.ts';
import { readFound, type FoundKind } from './read-found.ts';

/** The differences between the records that ChartMogul shows and the file. */
export interface Verification {
  readonly compared: number;
  readonly differences: FaultList;
}

const BATCHES_PER_BUCKET = 8;

interface Sent {
  readonly line: number;
  readonly object: ObjectName;
  readonly fields: JsonObject;
}

/**
 * Compares every imported line with what the API shows. Lines that ChartMogul did not import are
 * left out. Only one bucket of records is in memory at a time.
 */
export async function verifyImport(
  folder: ImportFolder,
  plan: ImportPlan,
  source: SourceRecords,
  progress: ImportProgress,
  signal: AbortSignal,
): Promise<Verification> {
  progress.begin('verifying', 0);
  try {
    const buckets = new Buckets(
      folder.makeScratch(),
      'verify',
      Math.ceil(plan.batches.length / BATCHES_PER_BUCKET) || 1,
    );
    const customers = new Set<string>();
    // Hashes are enough to exclude almost all other records of the data source.
    const hashes = new Set<number>();
    const journal = folder.readJournal();
    for (const batch of plan.batches) {
      const end = journal.get(batch.externalId);
      if (end === undefined || end.status === 'sending') continue;
      for (const { customer, ...sent } of await sentRecords(folder, batch, end)) {
        if (customer !== undefined) customers.add(customer);
        const key = keyOfSent(sent);
        hashes.add(hashOf(key));
        const head = JSON.stringify([sent.line, objectNames.indexOf(sent.object)]);
        buckets.add(key, `s${head}\t${jsonText(sent.fields)}`);
      }
    }
    await readFound(source, [...customers], plan.counts, progress, signal, (kind, externalId, record) => {
      const key = `${kind} ${externalId}`;
      if (hashes.has(hashOf(key)))
        buckets.add(key, `f${JSON.stringify([kind, externalId])}\t${jsonText(record)}`);
    });
    return await compareAll(buckets);
  } finally {
    folder.removeScratch();
  }
}

/** Returns the records of a request that were imported, each with its line. */
async function sentRecords(
  folder: ImportFolder,
  batch: PlannedBatch,
  end: BatchEnd,
): Promise<(Sent & { readonly customer: string | undefined })[]> {
  const failed = new Set(end.failed.map(([line]) => line));
  const content = await folder.content(batch);
  const next = new Map<ObjectName, number>();
  const record = ({ object }: BatchLine): JsonValue | undefined => {
    const index = next.get(object) ?? 0;
    next.set(object, index + 1);
    const array = content[recordKinds[object].array];
    return Array.isArray(array) ? array[index] : undefined;
  };
  return (await folder.lines(batch)).flatMap((entry) => {
    const fields = record(entry);
    const { line, object, customer } = entry;
    return isJsonObject(fields) && !failed.has(line) ? [{ line, object, fields, customer }] : [];
  });
}

/**
 * Returns the key of the API record that contains a sent record: for a line item or transaction,
 * its invoice.
 */
function keyOfSent({ object, fields }: Sent): string {
  const isNested = object === 'line_item' || object === 'transaction';
  const kind: FoundKind = isNested ? 'invoice' : object;
  return `${kind} ${textOf(fields, isNested ? 'invoice_external_id' : 'external_id') ?? ''}`;
}

async function compareAll(buckets: Buckets): Promise<Verification> {
  const differences = new FaultList();
  let compared = 0;
  for await (const lines of buckets.take()) {
    const found = new Map<string, JsonObject>();
    const sent: Sent[] = [];
    for (const text of lines) {
      const tab = text.indexOf('\t');
      const head = JSON.parse(text.slice(1, tab)) as [number | string, number | string];
      const fields = parseJson(text.slice(tab + 1)) as JsonObject;
      if (text.startsWith('f')) found.set(`${head[0]} ${head[1]}`, fields);
      else sent.push({ line: Number(head[0]), object: objectNames[Number(head[1])] ?? 'customer', fields });
    }
    const nested = new NestedRecords();
    for (const record of sent) {
      compared++;
      const { line, object } = record;
      const holder = found.get(keyOfSent(record));
      const shown = object === 'line_item' || object === 'transaction' ? nested.take(record, holder) : holder;
      if (shown === undefined)
        differences.add({ line, object, field: undefined, message: 'ChartMogul does not show it' });
      else
        for (const field of differingFields(object, record.fields, shown))
          differences.add({ line, object, field, message: 'ChartMogul shows a different value' });
    }
  }
  return { compared, differences };
}

/** The line items and transactions of found invoices, each of which is compared with one line. */
class NestedRecords {
  readonly #rest = new Map<JsonValue, JsonObject[]>();

  /**
   * Returns the record with the same external id, otherwise an equal record. If the line has no
   * external id, falls back to the first remaining record. Returns undefined if there is none.
   */
  take({ object, fields }: Sent, invoice: JsonObject | undefined): JsonObject | undefined {
    const array = invoice?.[recordKinds[object].array];
    if (!Array.isArray(array)) return undefined;
    const rest = this.#rest.get(array) ?? array.filter(isJsonObject);
    this.#rest.set(array, rest);
    const id = textOf(fields, 'external_id');
    const byId = id === undefined ? -1 : rest.findIndex((record) => record['external_id'] === id);
    const equal =
      byId >= 0 ? byId : rest.findIndex((record) => differingFields(object, fields, record).length === 0);
    const index = equal >= 0 || id !== undefined ? equal : 0;
    return index < 0 ? undefined : rest.splice(index, 1)[0];
  }
}
