import { createHash } from 'node:crypto';
import { ConfigError } from '../../core/errors.ts';
import { BatchPacker, packPlans, type Batch, type CustomerEntries } from './batch-packer.ts';
import { Buckets } from './buckets.ts';
import { entryOf, entryText, parseEntry, type Entry } from './entry.ts';
import { FaultList } from './faults.ts';
import { PLAN_FORM, type ImportFolder, type ImportPlan, type PlannedBatch } from './import-folder.ts';
import type { ImportProgress } from './import-progress.ts';
import { readRecords } from './read-file.ts';
import { recordKinds, type ObjectName } from './record-kinds.ts';
import type { SourceRecords } from './source-records.ts';

/** Bytes of the file per bucket, up to MAX_BUCKETS buckets. One bucket at a time is in memory. */
const BUCKET_BYTES = 4 * 1024 * 1024;
const MAX_BUCKETS = 512;

export interface ImportFile {
  readonly path: string;
  readonly bytes: number;
  /** SHA-256 of the file's content. */
  readonly digest: string;
}

export interface Planned {
  readonly plan: ImportPlan;
  readonly faults: FaultList;
}

/**
 * Reads the file, checks every record, and writes the requests into the folder. Except for plans,
 * only one bucket of records is in memory, regardless of the size of the file. If there are faults,
 * does not write a plan.
 * @throws ConfigError if the file changes while it is read; any error from reading the API or the
 *   file.
 */
export async function planImport(
  file: ImportFile,
  folder: ImportFolder,
  source: SourceRecords,
  progress: ImportProgress,
  signal: AbortSignal,
): Promise<Planned> {
  folder.clear();
  try {
    const planning = new Planning(file, folder.makeScratch(), source, progress, signal);
    const batches: PlannedBatch[] = [];
    for await (const batch of planning.batches())
      batches.push(folder.writeBatch(batches.length + 1, source.dataSource, batch));
    const plan = { form: PLAN_FORM, dataSource: source.dataSource, batches, counts: planning.counts };
    if (planning.faults.count === 0) folder.writePlan(plan);
    else folder.removeBatches();
    return { plan, faults: planning.faults };
  } finally {
    folder.removeScratch();
  }
}

class Planning {
  readonly faults = new FaultList();
  readonly counts: Record<ObjectName, number> = {
    customer: 0,
    plan: 0,
    invoice: 0,
    line_item: 0,
    transaction: 0,
    subscription_event: 0,
  };
  readonly #file: ImportFile;
  readonly #source: SourceRecords;
  readonly #progress: ImportProgress;
  readonly #signal: AbortSignal;
  readonly #plans: Entry[] = [];
  readonly #planIds = new Set<string>();
  /** Records with faults, by object and id. */
  readonly #faulty = new Set<string>();
  readonly #ids: Buckets;
  readonly #byInvoice: Buckets;
  readonly #byCustomer: Buckets;
  readonly #bucketCount: number;

  constructor(
    file: ImportFile,
    scratch: string,
    source: SourceRecords,
    progress: ImportProgress,
    signal: AbortSignal,
  ) {
    this.#file = file;
    this.#source = source;
    this.#progress = progress;
    this.#signal = signal;
    this.#bucketCount = Math.min(MAX_BUCKETS, Math.ceil(file.bytes / BUCKET_BYTES) || 1);
    this.#ids = new Buckets(scratch, 'ids', this.#bucketCount);
    this.#byInvoice = new Buckets(scratch, 'invoices', this.#bucketCount);
    this.#byCustomer = new Buckets(scratch, 'customers', this.#bucketCount);
  }

  /** Yields the requests in the order of sending, but none once a fault has been found. */
  async *batches(): AsyncGenerator<Batch, void, undefined> {
    await this.#readFile();
    this.#progress.begin('checking', 3 * this.#bucketCount);
    await this.#checkIds();
    await this.#joinInvoices();
    if (this.faults.count === 0) yield* packPlans(this.#plans);
    const packer = new BatchPacker();
    for await (const lines of this.#taken(this.#byCustomer)) {
      const customers = customersOf(lines);
      await this.#checkReferences(customers);
      if (this.faults.count > 0) continue;
      for (const customer of customers) yield* packer.add(customer);
    }
    if (this.faults.count === 0) yield* packer.end();
  }

  async #readFile(): Promise<void> {
    this.#progress.begin('reading', this.#file.bytes);
    const hash = createHash('sha256');
    const onBytes = (bytes: Buffer) => {
      hash.update(bytes);
      this.#progress.done += bytes.length;
    };
    for await (const { line, checked } of readRecords(this.#file.path, this.#signal, onBytes)) {
      this.#progress.records++;
      if (checked.record === undefined) {
        this.faults.add(...checked.faults);
        if (checked.id !== undefined) this.#faulty.add(`${checked.id.object} ${checked.id.id}`);
      } else this.#place(entryOf(line, checked.record));
    }
    // With faults, nothing is sent, and the file may not have been read to its end.
    if (this.faults.count === 0 && hash.digest('hex') !== this.#file.digest)
      throw new ConfigError(`${this.#file.path} changed while it was being read: run the import again`);
  }

  #place(entry: Entry): void {
    const { object, id, parent = '' } = entry;
    this.counts[object]++;
    if (id !== undefined) this.#ids.add(`${object} ${id}`, JSON.stringify([object, id, entry.line]));
    if (object === 'plan') {
      this.#plans.push(entry);
      if (id !== undefined) this.#planIds.add(id);
    } else if (object === 'customer') this.#byCustomer.add(id ?? '', customerLine(id ?? '', entry));
    else if (object === 'subscription_event') this.#byCustomer.add(parent, customerLine(parent, entry));
    else this.#byInvoice.add(object === 'invoice' ? (id ?? '') : parent, entryText(entry));
  }

  async #checkIds(): Promise<void> {
    for await (const lines of this.#taken(this.#ids)) {
      const seen = new Map<string, number>();
      for (const text of lines) {
        const [object, id, line] = JSON.parse(text) as [ObjectName, string, number];
        const first = seen.get(`${object} ${id}`);
        if (first === undefined) seen.set(`${object} ${id}`, line);
        else
          this.faults.add({ line, object, field: 'external_id', message: `is the same as in line ${first}` });
      }
    }
  }

  /** Finds the customers of line items and transactions, which name only their invoice. */
  async #joinInvoices(): Promise<void> {
    for await (const lines of this.#taken(this.#byInvoice)) {
      const entries = lines.map(parseEntry);
      const customers = new Map<string, string>();
      for (const { object, id = '', parent = '' } of entries)
        if (object === 'invoice') customers.set(id, parent);
      for (const entry of entries) {
        const customer = customers.get((entry.object === 'invoice' ? entry.id : entry.parent) ?? '');
        if (customer !== undefined) this.#byCustomer.add(customer, customerLine(customer, entry));
        else this.#missing(entry, 'invoice', entry.parent, 'does not match an invoice in the file');
      }
    }
  }

  async #checkReferences(customers: readonly CustomerEntries[]): Promise<void> {
    const unknown = customers.filter(({ entries }) => !entries.some(({ object }) => object === 'customer'));
    const existing = await this.#source.existing(unknown.map(({ customer }) => customer));
    for (const { customer, entries } of unknown) {
      if (existing.has(customer)) continue;
      const naming = entries.filter((entry) => recordKinds[entry.object].parent?.object === 'customer');
      for (const entry of naming)
        this.#missing(
          entry,
          'customer',
          customer,
          'does not match a customer in the file or the data source',
        );
    }
    for (const { entries } of customers) {
      for (const entry of entries) {
        const { plan } = entry;
        if (plan === undefined || this.#planIds.has(plan) || (await this.#source.hasPlan(plan))) continue;
        this.#missing(entry, 'plan', plan, 'does not match a plan in the file or the data source');
      }
    }
  }

  /** Reports a record that refers to a nonexistent one, unless that one was rejected for faults. */
  #missing({ line, object }: Entry, named: 'customer' | 'invoice' | 'plan', id = '', message: string): void {
    if (this.#faulty.has(`${named} ${id}`)) return;
    this.faults.add({ line, object, field: `${named}_external_id`, message });
  }

  async *#taken(buckets: Buckets): AsyncGenerator<readonly string[], void, undefined> {
    for await (const lines of buckets.take()) {
      this.#signal.throwIfAborted();
      yield lines;
      this.#progress.done++;
      this.#progress.records += lines.length;
    }
  }
}

function customerLine(customer: string, entry: Entry): string {
  return `${JSON.stringify(customer)}\t${entryText(entry)}`;
}

/** Groups a bucket by customer, in the order of the file. */
function customersOf(lines: readonly string[]): CustomerEntries[] {
  const groups = new Map<string, Entry[]>();
  for (const line of lines) {
    const tab = line.indexOf('\t');
    const customer = JSON.parse(line.slice(0, tab)) as string;
    const entries = groups.get(customer) ?? [];
    if (entries.length === 0) groups.set(customer, entries);
    entries.push(parseEntry(line.slice(tab + 1)));
  }
  return [...groups]
    .map(([customer, entries]) => ({
      customer,
      entries: entries.sort((left, right) => left.line - right.line),
    }))
    .sort((left, right) => (left.entries[0]?.line ?? 0) - (right.entries[0]?.line ?? 0));
}
