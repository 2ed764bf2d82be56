import { badParameter, notFound, objectIn, ok, refusal, type Answer } from './answer.ts';
import type { Call } from './call.ts';
import { membersByExternalId, referenceTo } from './data/customer.ts';
import { dataSourceOf, dataSources, dataSourceUuid } from './data/data-source.ts';
import { seconds } from './data/instant.ts';
import { plans } from './data/plan.ts';
import type { Rendered } from './data/rendered.ts';
import { Random } from './data/random.ts';
import { uuidOf } from './data/uuid.ts';
import type { World } from './data/world.ts';
import type { SimulatorOptions } from './options.ts';

type Fields = Readonly<Record<string, unknown>>;

interface Import {
  readonly id: string;
  readonly source: string;
  readonly externalId: string | null;
  readonly content: Fields;
  readonly customers: ReadonlySet<string>;
  readonly createdAt: number;
  polls: number;
  /** The result; undefined until the import is completed. */
  details: Rendered | undefined;
}

/** Statistics of the imports, for tests. */
export interface ImportStatistics {
  accepted: number;
  /** Requests whose external id was already known: the same import was sent twice. */
  repeated: number;
  /** Requests that contained a customer of an import that had not ended yet. */
  overlapping: number;
}

/** JSON imports. Each poll advances one import. The poll that completes it applies its records. */
export class Imports {
  readonly statistics: ImportStatistics = { accepted: 0, repeated: 0, overlapping: 0 };
  readonly #imports = new Map<string, Import>();
  readonly #options: SimulatorOptions;
  readonly #random: Random;

  constructor(options: SimulatorOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
  }

  start({ world, body }: Call, source: string): Answer {
    if (!dataSources.some((candidate) => dataSourceUuid(world, candidate) === source))
      return notFound('Data source');
    const content = objectIn(body);
    const externalId = typeof content['external_id'] === 'string' ? content['external_id'] : null;
    if (externalId !== null && this.#find(source, externalId) !== undefined) {
      this.statistics.repeated++;
      return refusal(422, 'An import with this external_id exists', 'external_id');
    }
    if (arrays.every((name) => !Array.isArray(content[name]))) throw badParameter('customers', 'missing');
    const customers = customersIn(world, source, content);
    const isBusy = [...this.#imports.values()].some(
      (other) =>
        other.source === source &&
        other.details === undefined &&
        [...customers].some((customer) => other.customers.has(customer)),
    );
    if (isBusy) {
      this.statistics.overlapping++;
      if (this.#options.importOverlaps === 'refused')
        return refusal(422, 'An import with records of one of these customers has not finished', 'customers');
    }
    const id = uuidOf(world.random, 'json_import', { member: this.#imports.size, ordinal: 0 });
    const job = {
      id,
      source,
      externalId,
      content,
      customers,
      createdAt: world.nowAt(),
      polls: 0,
      details: undefined,
    };
    this.#imports.set(id, job);
    this.statistics.accepted++;
    return ok(this.#render(job));
  }

  show(world: World, source: string, id: string): Answer {
    const job = this.#find(source, id);
    if (job === undefined) return notFound('Import');
    job.polls++;
    if (job.polls >= this.#options.importPolls) job.details ??= this.#apply(world, job);
    return ok(this.#render(job));
  }

  #find(source: string, id: string): Import | undefined {
    const job = this.#imports.get(id);
    if (job !== undefined) return job.source === source ? job : undefined;
    return [...this.#imports.values()].find((other) => other.source === source && other.externalId === id);
  }

  #render({ id, source, externalId, createdAt, polls, details }: Import): Rendered {
    const pending = polls === 0 ? 'queued' : 'processing';
    return {
      id,
      data_source_uuid: source,
      status: details === undefined ? pending : 'completed',
      external_id: externalId,
      status_details: details ?? {},
      created_at: seconds(createdAt),
      updated_at: seconds(createdAt + polls * 1000),
    };
  }

  /**
   * Applies the records. Omits all records of the customers that are chosen to fail, and each
   * invoice, line item or transaction that refers to an unknown customer, plan or invoice.
   */
  #apply(world: World, { source, content, customers }: Import): Rendered {
    const { imported } = world;
    const { importFailures } = this.#options;
    for (const plan of recordsIn(content, 'plans')) imported.putPlan(source, plan);
    const details: Record<string, unknown> = { plans: { status: 'imported' } };
    const failing = new Set(
      [...customers].filter((customer) =>
        this.#random.chance('import.fails', importFailures, numberOf(customer)),
      ),
    );
    for (const customer of customers) {
      if (failing.has(customer))
        details[customer] = { status: 'not_imported', errors: { base: ['was chosen to fail'] } };
      else details[customer] = { status: 'imported' };
    }
    const fail = (customer: string, array: string, errors: object) => {
      details[customer] = { ...(details[customer] as object), [array]: { status: 'not_imported', errors } };
    };
    for (const record of recordsIn(content, 'customers'))
      if (!failing.has(String(record['external_id']))) imported.putCustomer(source, record);
    const customerOfInvoice = new Map<string, string>();
    for (const record of recordsIn(content, 'invoices')) {
      const customer = String(record['customer_external_id']);
      customerOfInvoice.set(String(record['external_id']), customer);
      if (failing.has(customer)) continue;
      const uuid =
        imported.find('customers', source, customer)?.['uuid'] ?? generatedUuid(world, source, customer);
      if (typeof uuid === 'string') imported.putInvoice(source, uuid, record);
      else fail(customer, 'invoices', { customer_external_id: ['is unknown'] });
    }
    for (const array of ['line_items', 'transactions'] as const) {
      for (const record of recordsIn(content, array)) {
        const customer = customerOfRow(world, source, customerOfInvoice, record);
        if (failing.has(customer)) continue;
        const plan = record['plan_external_id'];
        if (plan !== undefined && !hasPlan(world, source, plan))
          fail(customer, array, { plan_external_id: ['is unknown'] });
        else if (!imported.addRow(source, array, record))
          fail(customer, array, { invoice_external_id: ['is unknown'] });
      }
    }
    for (const record of recordsIn(content, 'subscription_events'))
      if (!failing.has(String(record['customer_external_id'])))
        imported.putEvent(source, world.nowAt(), record);
    return details;
  }
}

const arrays = [
  'customers',
  'plans',
  'invoices',
  'line_items',
  'transactions',
  'subscription_events',
] as const;

function customersIn(world: World, source: string, content: Fields): Set<string> {
  const customerOfInvoice = new Map<string, string>();
  const customers = new Set<string>();
  for (const record of recordsIn(content, 'customers')) customers.add(String(record['external_id']));
  for (const record of recordsIn(content, 'invoices')) {
    const customer = String(record['customer_external_id']);
    customers.add(customer);
    customerOfInvoice.set(String(record['external_id']), customer);
  }
  for (const array of ['line_items', 'transactions'] as const) {
    for (const record of recordsIn(content, array))
      customers.add(customerOfRow(world, source, customerOfInvoice, record));
  }
  for (const record of recordsIn(content, 'subscription_events'))
    customers.add(String(record['customer_external_id']));
  return customers;
}

/** Returns the customer of a row's invoice, which is in the same import or an earlier one. */
function customerOfRow(
  { imported }: World,
  source: string,
  customerOfInvoice: ReadonlyMap<string, string>,
  row: Fields,
): string {
  const invoice = String(row['invoice_external_id']);
  const earlier = imported.find('invoices', source, invoice)?.['customer_external_id'];
  return customerOfInvoice.get(invoice) ?? String(earlier);
}

function numberOf(text: string): number {
  let hash = 0;
  for (const character of text) hash = (Math.imul(hash, 31) + (character.codePointAt(0) ?? 0)) | 0;
  return hash;
}

function hasPlan(world: World, source: string, externalId: unknown): boolean {
  if (world.imported.find('plans', source, externalId) !== undefined) return true;
  return plans.some(
    (plan) => plan.externalId === externalId && dataSourceUuid(world, plan.source) === source,
  );
}

/** Returns the uuid of a generated (not imported) customer. */
function generatedUuid(world: World, source: string, externalId: string): string | undefined {
  const member = membersByExternalId(world, externalId).find(
    (candidate) => dataSourceUuid(world, dataSourceOf(world, candidate)) === source,
  );
  return member === undefined ? undefined : referenceTo(world, member)?.uuid;
}

function recordsIn(content: Fields, array: (typeof arrays)[number]): Fields[] {
  const list = content[array];
  return Array.isArray(list) ? (list as Fields[]) : [];
}
