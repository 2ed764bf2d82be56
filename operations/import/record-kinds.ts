import type { JsonObject } from '../../core/json.ts';
import * as rules from './field-rules.ts';
import type { FieldRule } from './field-rules.ts';

/** The objects of a file, in the order of a request's arrays. */
export const objectNames = [
  'customer',
  'plan',
  'invoice',
  'line_item',
  'transaction',
  'subscription_event',
] as const;

export type ObjectName = (typeof objectNames)[number];

/** A record of the file whose fields are all valid. Fields have the names that the API uses. */
export interface ImportRecord {
  readonly object: ObjectName;
  readonly fields: JsonObject;
}

export interface RecordKind {
  /** The array of a request that contains the objects. */
  readonly array: string;
  readonly fields: Readonly<Record<string, FieldRule>>;
  readonly required: readonly string[];
  /** The field that names the object's customer or invoice. */
  readonly parent?: { readonly field: string; readonly object: 'customer' | 'invoice' };
  /** Returns further required fields, which depend on the values of others. */
  readonly requiredFor?: (fields: JsonObject) => readonly string[];
  /** Two fields of which the second must be later. */
  readonly period?: readonly [start: string, end: string];
}

const { attributes, boolean, cents, country, currency, email, id, instant, integer, oneOf, positive, text } =
  rules;

/** Types of events that require a plan, a currency and an amount. */
const PRICED = /^subscription_(start|updated|start_scheduled|update_scheduled)$/;

const eventTypes = [
  'subscription_start',
  'subscription_start_scheduled',
  'scheduled_subscription_start_retracted',
  'subscription_cancelled',
  'subscription_cancellation_scheduled',
  'scheduled_subscription_cancellation_retracted',
  'subscription_updated',
  'subscription_update_scheduled',
  'scheduled_subscription_update_retracted',
  'subscription_event_retracted',
];

/** The records that ChartMogul's import accepts (dev.chartmogul.com/reference/import-data-bulk). */
export const recordKinds: Readonly<Record<ObjectName, RecordKind>> = {
  customer: {
    array: 'customers',
    required: ['external_id', 'name'],
    fields: {
      external_id: id,
      name: text,
      email,
      company: text,
      country,
      state: text,
      city: text,
      zip: text,
      lead_created_at: instant,
      free_trial_started_at: instant,
      website_url: text,
      owner: email,
      attributes,
    },
  },
  plan: {
    array: 'plans',
    required: ['external_id', 'name', 'interval_count', 'interval_unit'],
    fields: {
      external_id: id,
      name: text,
      interval_count: positive,
      interval_unit: oneOf('day', 'month', 'year'),
    },
  },
  invoice: {
    array: 'invoices',
    required: ['external_id', 'customer_external_id', 'date', 'currency'],
    parent: { field: 'customer_external_id', object: 'customer' },
    fields: {
      external_id: id,
      customer_external_id: id,
      date: instant,
      due_date: instant,
      currency,
      collection_method: text,
    },
  },
  line_item: {
    array: 'line_items',
    required: ['invoice_external_id', 'type', 'amount_in_cents'],
    parent: { field: 'invoice_external_id', object: 'invoice' },
    requiredFor: (fields) =>
      fields['type'] === 'subscription'
        ? ['subscription_external_id', 'plan_external_id', 'service_period_start', 'service_period_end']
        : [],
    period: ['service_period_start', 'service_period_end'],
    fields: {
      external_id: id,
      invoice_external_id: id,
      type: oneOf('subscription', 'one_time'),
      subscription_external_id: id,
      subscription_set_external_id: id,
      plan_external_id: id,
      service_period_start: instant,
      service_period_end: instant,
      amount_in_cents: cents,
      quantity: integer,
      prorated: boolean,
      proration_type: text,
      description: text,
      discount_code: text,
      discount_description: text,
      discount_amount_in_cents: cents,
      tax_amount_in_cents: cents,
      transaction_fees_in_cents: cents,
      transaction_fees_currency: currency,
      account_code: text,
      balance_transfer: boolean,
      event_order: integer,
    },
  },
  transaction: {
    array: 'transactions',
    required: ['invoice_external_id', 'type', 'date', 'result'],
    parent: { field: 'invoice_external_id', object: 'invoice' },
    fields: {
      external_id: id,
      invoice_external_id: id,
      type: oneOf('payment', 'refund'),
      date: instant,
      result: oneOf('successful', 'failed'),
      amount_in_cents: cents,
      transaction_fees_in_cents: cents,
      transaction_fees_currency: currency,
    },
  },
  subscription_event: {
    array: 'subscription_events',
    required: ['external_id', 'customer_external_id', 'event_type', 'event_date', 'effective_date'],
    parent: { field: 'customer_external_id', object: 'customer' },
    requiredFor: ({ event_type: type }) => [
      ...(type === 'subscription_event_retracted' ? [] : ['subscription_external_id']),
      ...(typeof type === 'string' && PRICED.test(type)
        ? ['plan_external_id', 'currency', 'amount_in_cents']
        : []),
    ],
    fields: {
      external_id: id,
      customer_external_id: id,
      event_type: oneOf(...eventTypes),
      event_date: instant,
      effective_date: instant,
      subscription_external_id: id,
      subscription_set_external_id: id,
      plan_external_id: id,
      currency,
      amount_in_cents: cents,
      tax_amount_in_cents: cents,
      quantity: integer,
      event_order: integer,
      retracted_event_id: id,
    },
  },
};

/** Returns the text of a field; undefined if it is absent or not text. */
export function textOf(fields: JsonObject, name: string): string | undefined {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  return typeof value === 'string' ? value : undefined;
}
