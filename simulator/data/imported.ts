import { milliseconds, seconds } from './instant.ts';
import type { Random } from './random.ts';
import type { Rendered } from './rendered.ts';
import { uuidOf, type UuidKind } from './uuid.ts';

/** Imported records have keys beyond those of generated members. */
const FIRST_MEMBER = 3_000_000_000;
const FIRST_ID = 9_000_000_000;

type Fields = Readonly<Record<string, unknown>>;

/**
 * The kinds of imported records that can be looked up, named like their arrays in the body of an
 * import.
 */
export type ImportedKind = 'customers' | 'plans' | 'invoices' | 'subscription_events';

const uuidKinds: Readonly<Record<ImportedKind, UuidKind>> = {
  customers: 'customer',
  plans: 'plan',
  invoices: 'invoice',
  subscription_events: 'activity',
};

/** An imported record. Line items and transactions are added to their invoice later. */
interface ImportedRecord {
  readonly order: number;
  rendered: Rendered;
}

/**
 * The imported records. They outlive revisions, and are listed alongside the generated records.
 * Imports have no effect on metrics, activities or subscriptions.
 */
export class Imported {
  readonly #records: Record<ImportedKind, Map<string, ImportedRecord>> = {
    customers: new Map(),
    plans: new Map(),
    invoices: new Map(),
    subscription_events: new Map(),
  };
  readonly #byId: Record<ImportedKind, Map<string, ImportedRecord>> = {
    customers: new Map(),
    plans: new Map(),
    invoices: new Map(),
    subscription_events: new Map(),
  };
  readonly #ofCustomer = new Map<string, Set<ImportedRecord>>();
  /** The number of times that each record was applied: twice if it was sent twice. */
  readonly applied = new Map<string, number>();
  readonly #random: Random;
  readonly #currency: Rendered;

  /** @param currency the fields of the account's currency. */
  constructor(random: Random, currency: Rendered) {
    this.#random = random;
    this.#currency = currency;
  }

  /** Returns the records of a kind in the order of import. */
  all(kind: ImportedKind): Rendered[] {
    return [...this.#records[kind].values()].map(({ rendered }) => rendered);
  }

  get isEmpty(): boolean {
    return this.applied.size === 0;
  }

  find(kind: ImportedKind, source: string, externalId: unknown): Rendered | undefined {
    return this.#records[kind].get(`${source} ${String(externalId)}`)?.rendered;
  }

  /** Returns a record by its uuid, or an event by its id. */
  byId(kind: ImportedKind, id: string): Rendered | undefined {
    return this.#byId[kind].get(id)?.rendered;
  }

  /** Returns the invoices of a customer, by the customer's uuid. */
  invoicesOf(customerUuid: string): Rendered[] {
    return [...(this.#ofCustomer.get(customerUuid) ?? [])].map(({ rendered }) => rendered);
  }

  putCustomer(source: string, fields: Fields): void {
    const { attributes, ...given } = fields;
    this.#put('customers', source, fields['external_id'], (uuid, order) => ({
      id: FIRST_ID + order,
      uuid,
      ...blankCustomer,
      ...given,
      lead_created_at: instantOf(given['lead_created_at']),
      free_trial_started_at: instantOf(given['free_trial_started_at']),
      attributes: attributesOf(attributes),
      data_source_uuid: source,
      data_source_uuids: [source],
      external_ids: [given['external_id']],
      'chartmogul-url': `https://app.chartmogul.com/#/customers/${FIRST_ID + order}`,
      ...this.#currency,
    }));
  }

  putPlan(source: string, fields: Fields): void {
    this.#put('plans', source, fields['external_id'], (uuid) => ({
      uuid,
      data_source_uuid: source,
      ...fields,
    }));
  }

  putInvoice(source: string, customerUuid: string, fields: Fields): void {
    const record = this.#put('invoices', source, fields['external_id'], (uuid) => ({
      uuid,
      due_date: null,
      customer_uuid: customerUuid,
      data_source_uuid: source,
      collection_method: null,
      status: null,
      errors: {},
      disabled: false,
      disabled_at: null,
      disabled_by: null,
      user_created: false,
      line_items: [],
      transactions: [],
      ...fields,
      date: instantOf(fields['date']),
      ...(fields['due_date'] !== undefined && { due_date: instantOf(fields['due_date']) }),
    }));
    const invoices = this.#ofCustomer.get(customerUuid) ?? new Set();
    this.#ofCustomer.set(customerUuid, invoices.add(record));
  }

  /** Adds a row to an invoice. @returns false if there is no such invoice. */
  addRow(source: string, array: 'line_items' | 'transactions', fields: Fields): boolean {
    const { invoice_external_id: invoiceId, ...given } = fields;
    const invoice = this.#records.invoices.get(`${source} ${String(invoiceId)}`);
    if (invoice === undefined) return false;
    const rows = invoice.rendered[array] as readonly Rendered[];
    this.#count(`${array} ${source} ${String(invoiceId)} ${idOf(given, rows.length)}`);
    const key = { member: FIRST_MEMBER + invoice.order, ordinal: rows.length };
    const uuid = uuidOf(this.#random, array === 'line_items' ? 'line_item' : 'transaction', key);
    const times = ['date', 'service_period_start', 'service_period_end'].filter((name) => name in given);
    const row = {
      uuid,
      external_id: null,
      ...given,
      ...Object.fromEntries(times.map((name) => [name, instantOf(given[name])])),
      errors: {},
      disabled: false,
      user_created: false,
    };
    invoice.rendered = { ...invoice.rendered, [array]: [...rows, row] };
    return true;
  }

  putEvent(source: string, nowMs: number, fields: Fields): void {
    this.#put('subscription_events', source, fields['external_id'], (_uuid, order) => ({
      id: FIRST_ID + order,
      data_source_uuid: source,
      subscription_set_external_id: null,
      plan_external_id: null,
      quantity: null,
      currency: null,
      amount_in_cents: null,
      tax_amount_in_cents: null,
      event_order: null,
      retracted_event_id: null,
      ...fields,
      event_date: secondsOf(fields['event_date']),
      effective_date: secondsOf(fields['effective_date']),
      errors: {},
      created_at: seconds(nowMs),
      updated_at: seconds(nowMs),
      disabled: false,
      disabled_at: null,
      disabled_by: null,
    }));
  }

  #put(
    kind: ImportedKind,
    source: string,
    externalId: unknown,
    render: (uuid: string, order: number) => Rendered,
  ): ImportedRecord {
    const records = this.#records[kind];
    const name = `${source} ${String(externalId)}`;
    this.#count(`${kind} ${name}`);
    const known = records.get(name);
    const order = known?.order ?? records.size;
    const uuid = uuidOf(this.#random, uuidKinds[kind], { member: FIRST_MEMBER + order, ordinal: 0 });
    const rendered = render(uuid, order);
    if (known !== undefined) {
      known.rendered = rendered;
      return known;
    }
    const record = { order, rendered };
    records.set(name, record);
    this.#byId[kind].set(String(rendered[kind === 'subscription_events' ? 'id' : 'uuid']), record);
    return record;
  }

  #count(name: string): void {
    this.applied.set(name, (this.applied.get(name) ?? 0) + 1);
  }
}

const blankCustomer = {
  email: '',
  company: '',
  status: 'New Lead',
  'customer-since': null,
  country: null,
  state: null,
  city: null,
  zip: null,
  address: { country: null, state: null, city: null, address_zip: null },
  mrr: 0,
  arr: 0,
  'billing-system-url': null,
  'billing-system-type': 'Import API',
  owner: null,
  website_url: null,
} as const;

/**
 * Returns attributes as the API shows them. Custom attributes are sent as a list but shown as an
 * object.
 */
function attributesOf(sent: unknown): Rendered {
  const { tags, custom } = (sent ?? {}) as { tags?: unknown; custom?: unknown };
  const items = Array.isArray(custom) ? (custom as { key: string; value: unknown }[]) : [];
  return {
    tags: Array.isArray(tags) ? tags : [],
    stripe: {},
    custom: Object.fromEntries(items.map(({ key, value }) => [key, value])),
  };
}

/** Parses a time; NaN if it is invalid. A time such as `2026-01-31 12:30:00` is in UTC. */
function timeOf(sent: unknown): number {
  const text = String(sent);
  return Date.parse(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/.test(text) ? `${text.replace(' ', 'T')}Z` : text);
}

function instantOf(sent: unknown): string | null {
  const at = timeOf(sent);
  return Number.isNaN(at) ? null : milliseconds(at);
}

function secondsOf(sent: unknown): string | null {
  const at = timeOf(sent);
  return Number.isNaN(at) ? null : seconds(at);
}

/** Returns the external id of a row, or its position if it has none. */
function idOf({ external_id: id }: Fields, place: number): string {
  return typeof id === 'string' ? id : String(place);
}
