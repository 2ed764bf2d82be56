import assert from 'node:assert/strict';
import test from 'node:test';
import { readStreamSchema, streamNames } from '../../../../core/avro/schema-files.ts';
import { recordWithin, splitNullable, type AvroField, type AvroType } from '../../../../core/avro/schema.ts';
import { isProducedName } from '../../../../core/stream-name.ts';

/**
 * Returns a type in short notation: `at`, `day` and `json` for the logical types, `[…]` for an
 * array, `{}` for a record, and `?` if null is allowed.
 */
function shown(type: AvroType): string {
  const { isNullable, valueType } = splitNullable(type);
  const mark = isNullable ? '?' : '';
  if (typeof valueType === 'string') return valueType + mark;
  if (valueType.type === 'array') return `[${shown(valueType.items).replaceAll('?', '')}]${mark}`;
  if (valueType.type === 'record') return `{}${mark}`;
  return { 'timestamp-millis': 'at', date: 'day', json: 'json' }[valueType.logicalType] + mark;
}

/** Returns every field at every depth, with its full name. */
function allFields(fields: readonly AvroField[], path = ''): [string, AvroField][] {
  return fields.flatMap((field) => {
    const name = path + field.name;
    const inner = recordWithin(field.type);
    return [[name, field] as [string, AvroField], ...(inner ? allFields(inner.fields, `${name}.`) : [])];
  });
}

/** The fields of ChartMogul's documented responses, by stream and then by type. */
const known: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  account: {
    string: 'id',
    'string?':
      'name currency time_zone week_start_on churn_recognition refund_handling proximate_movement_reclassification',
    'json?': 'churn_when_zero_mrr auto_churn_subscription',
  },
  data_sources: {
    string: 'uuid',
    'string?': 'name system status',
    'at?': 'created_at',
    '{}?':
      'processing_status auto_churn_subscription_setting invoice_handling_setting invoice_handling_setting.manual',
    'long?':
      'processing_status.processed processing_status.pending processing_status.failed auto_churn_subscription_setting.interval',
    'boolean?':
      'auto_churn_subscription_setting.enabled invoice_handling_setting.manual.prevent_subscription_for_invoice_voided',
  },
  customers: {
    string: 'uuid',
    'long?': 'id mrr arr',
    'string?':
      'external_id name email company city status country state zip data_source_uuid billing_system_type billing_system_url chartmogul_url currency currency_sign owner website_url address.country address.state address.city address.address_zip',
    'at?': 'customer_since lead_created_at free_trial_started_at',
    '[string]?': 'data_source_uuids external_ids attributes.tags',
    '{}?': 'address attributes',
    'json?': 'attributes.stripe attributes.custom attributes.clearbit overrides historical_values',
  },
  contacts: {
    string: 'uuid',
    'string?':
      'email first_name last_name title phone linked_in twitter notes customer_uuid customer_external_id data_source_uuid external_id',
    'long?': 'position',
    'json?': 'custom',
    'at?': 'last_seen',
  },
  customer_notes: {
    string: 'uuid',
    'string?': 'type text author customer_uuid',
    'long?': 'call_duration',
    'at?': 'created_at updated_at',
  },
  notes: {
    string: 'uuid',
    'string?': 'type text author customer_uuid associated_object associated_object_uuid',
    'long?': 'call_duration',
    'at?': 'created_at updated_at',
  },
  opportunities: {
    string: 'uuid',
    'string?': 'customer_uuid owner pipeline pipeline_stage currency type forecast_category',
    'day?': 'estimated_close_date',
    'long?': 'amount_in_cents win_likelihood',
    'json?': 'custom',
    'at?': 'created_at updated_at',
  },
  tasks: {
    string: 'task_uuid',
    'string?': 'assignee task_details customer_uuid associated_object associated_object_uuid',
    'at?': 'due_date completed_at created_at updated_at',
  },
  plans: {
    string: 'uuid',
    'string?': 'data_source_uuid name external_id interval_unit',
    'long?': 'interval_count',
  },
  plan_groups: { string: 'uuid', 'string?': 'name', 'long?': 'plans_count' },
  invoices: {
    string: 'uuid',
    'string?':
      'currency external_id customer_uuid customer_external_id collection_method status data_source_uuid disabled_by ' +
      'line_items.uuid line_items.external_id line_items.type line_items.discount_code line_items.account_code ' +
      'line_items.discount_description line_items.transaction_fees_currency line_items.plan_uuid line_items.plan_external_id ' +
      'line_items.subscription_uuid line_items.subscription_external_id line_items.subscription_set_external_id ' +
      'line_items.proration_type line_items.description line_items.disabled_by transactions.uuid transactions.external_id ' +
      'transactions.type transactions.result transactions.transaction_fees_currency transactions.disabled_by',
    'at?':
      'date due_date disabled_at line_items.service_period_start line_items.service_period_end line_items.disabled_at transactions.date transactions.disabled_at',
    'boolean?':
      'disabled user_created line_items.balance_transfer line_items.prorated line_items.disabled line_items.user_created transactions.disabled transactions.user_created',
    'long?':
      'line_items.amount_in_cents line_items.quantity line_items.discount_amount_in_cents line_items.tax_amount_in_cents ' +
      'line_items.transaction_fees_in_cents line_items.event_order transactions.amount_in_cents transactions.transaction_fees_in_cents',
    'json?':
      'errors edit_history_summary line_items.errors line_items.edit_history_summary transactions.errors transactions.edit_history_summary',
    '[{}]?': 'line_items transactions',
  },
  customer_subscriptions: {
    long: 'id',
    'long?': 'quantity mrr arr billing_cycle_count',
    'string?':
      'customer_uuid uuid external_id subscription_set_external_id plan status billing_cycle currency currency_sign',
    'at?': 'start_date end_date',
  },
  customer_activities: {
    long: 'id',
    'long?': 'activity_mrr activity_arr activity_mrr_movement',
    'string?': 'customer_uuid description type currency currency_sign subscription_external_id',
    'at?': 'date',
  },
  transactions: {
    string: 'uuid',
    'string?': 'invoice_uuid external_id type result transaction_fees_currency disabled_by',
    'at?': 'date disabled_at',
    'long?': 'amount_in_cents transaction_fees_in_cents',
    'boolean?': 'disabled user_created',
    'json?': 'errors edit_history_summary',
  },
  subscription_events: {
    long: 'id',
    'string?':
      'data_source_uuid customer_external_id event_type subscription_external_id subscription_set_external_id plan_external_id external_id currency retracted_event_id disabled_by',
    'at?': 'event_date effective_date created_at updated_at disabled_at',
    'long?': 'quantity amount_in_cents tax_amount_in_cents event_order',
    'json?': 'errors',
    'boolean?': 'disabled',
  },
};

for (const stream of streamNames) {
  const schema = readStreamSchema(stream);
  const fields = allFields(schema.fields);

  test(`every field of ${stream} has a doc, and only the primary key is never null`, () => {
    assert.ok(isProducedName(stream));
    for (const [name, { doc, type, default: standard }] of fields) {
      assert.ok((doc ?? '').length > 3, `${name} has no doc`);
      const isKey = schema.primaryKey.includes(name);
      assert.equal(splitNullable(type).isNullable, !isKey, name);
      assert.equal(standard, isKey ? undefined : null, name);
    }
  });

  test(`the schema of ${stream} has every field that is listed for it, with its type`, () => {
    const types = new Map(fields.map(([name, { type }]) => [name, shown(type)]));
    for (const [type, names] of Object.entries(known[stream] ?? {})) {
      for (const name of names.split(' ')) assert.equal(types.get(name), type, name);
    }
  });
}

test('every stream whose documented fields are listed has a schema', () => {
  for (const stream of Object.keys(known)) assert.ok(streamNames.includes(stream), stream);
});

test('a transaction has the same fields in an invoice as in its stream, which adds invoice_uuid', () => {
  const nested = readStreamSchema('invoices').fields.find(({ name }) => name === 'transactions');
  const fields = nested && recordWithin(nested.type)?.fields.map(({ name, type }) => [name, shown(type)]);
  const alone = readStreamSchema('transactions').fields.map(({ name, type }) => [name, shown(type)]);
  assert.deepEqual(
    alone.filter(([name]) => name !== 'uuid' && name !== 'invoice_uuid'),
    fields?.filter(([name]) => name !== 'uuid'),
  );
});

test('customer_external_id of subscription_events has its documented name as an alias', () => {
  const field = readStreamSchema('subscription_events').fields.find(
    ({ name }) => name === 'customer_external_id',
  );
  assert.deepEqual(field?.aliases, ['data_source_customer_external_id']);
});
