import type { MetricsInterval } from '../../core/settings/config.ts';
import type { Query } from './client.ts';

/** The proof that a record on the topic is deleted, if the source no longer lists it. */
export type DeleteProof =
  /**
   * The URL of the record, in which its key replaces `{key}`, returns 404 or 410. A record whose
   * key cannot be part of a URL requires the proof `twice`.
   */
  | {
      readonly proof: 'look-up';
      readonly path: string;
      readonly query?: Query;
      readonly mergedInto?: MergeLookup;
    }
  /** Two consecutive complete runs did not list the record. */
  | { readonly proof: 'twice' }
  /**
   * The response is the only record, and any other record on the topic is an earlier form of it.
   */
  | { readonly proof: 'single' }
  /** A run does not read the entire stream, so a missing record proves nothing. */
  | { readonly proof: 'none' };

/** How to find the record that a vanished record was merged into, by values that both have. */
export interface MergeLookup {
  readonly path: string;
  readonly listKey: string;
  /** The field that contains these values in both records. */
  readonly field: string;
  readonly filter: string;
}

/** How to read one resource of ChartMogul. `schemas/<name>.avsc` has its fields and primary key. */
export interface StreamSpec {
  readonly name: string;
  /**
   * Paths under the base URL. If the server refuses one, with a 404 for example, the producer tries
   * the next.
   */
  readonly paths: readonly [string, ...string[]];
  /** The key of the list in a response, or null if the response itself is the only record. */
  readonly listKey: string | null;
  /**
   * `detect`: the first page shows the style. `start-after`: a page starts after the uuid of the
   * last row. `none`: the list has one page.
   */
  readonly paging: 'detect' | 'start-after' | 'none';
  /**
   * The stream whose keys replace `{field}` in an address. The key is added to every record as this
   * field.
   */
  readonly parent?: ParentSpec;
  /**
   * Set for a metric, which is requested by period and interval. It has all intervals unless
   * `intervals` is set.
   */
  readonly metric?: { readonly intervals?: readonly MetricsInterval[] };
  /** Parameters without which ChartMogul would hide rows or fields. */
  readonly query?: Query;
  readonly deletes: DeleteProof;
  /** Most accounts lack the list. This is not an error. */
  readonly isOptional?: true;
  /** Set for a stream without a schema file. Its schema is inferred from the first pages. */
  readonly primaryKey?: readonly string[];
}

export interface ParentSpec {
  readonly stream: string;
  readonly field: string;
  /**
   * `changed`: visits parents that have changed or had an event since the last visit, and all
   * parents in a full refresh. `all`: visits all parents in every run.
   */
  readonly visit: 'changed' | 'all';
}

/** All optional parts of the account. */
const accountInclude =
  'churn_recognition,churn_when_zero_mrr,auto_churn_subscription,refund_handling,proximate_movement_reclassification';

const metrics = 'all mrr arr arpa asp customer-count customer-churn-rate mrr-churn-rate ltv'.split(' ');

/** ChartMogul hides invalid and disabled rows by default, so they would look deleted. */
const withInvalid: Query = { validation_type: 'all', with_disabled: true };

/**
 * Returns a paged list. A record is deleted once two consecutive complete runs have not listed it.
 */
function list(name: string, listKey: string, options: Partial<StreamSpec> = {}): StreamSpec {
  const deletes: DeleteProof = { proof: 'twice' };
  return { name, paths: [`/${name}`], listKey, paging: 'detect', deletes, ...options };
}

/** Returns a list whose records each have a URL, which returns 404 once the record is deleted. */
function addressed(name: string, listKey: string, { query }: Pick<StreamSpec, 'query'> = {}): StreamSpec {
  const deletes: DeleteProof = { proof: 'look-up', path: `/${name}/{key}`, ...(query && { query }) };
  return list(name, listKey, { deletes, ...(query && { query }) });
}

/**
 * Returns a stream that is read parent by parent, unless an address without a parent lists it
 * entirely.
 */
function children(name: string, listKey: string, parent: ParentSpec, paths: StreamSpec['paths']): StreamSpec {
  return list(name, listKey, { paths, parent });
}

const ofCustomer: ParentSpec = { stream: 'customers', field: 'customer_uuid', visit: 'changed' };

// Replacing one plan of a group with another does not change the group's record.
const ofPlanGroup: ParentSpec = { stream: 'plan_groups', field: 'plan_group_uuid', visit: 'all' };

/** The streams of ChartMogul, in the order in which a run starts them: the longest first. */
export const streams: readonly StreamSpec[] = [
  addressed('invoices', 'invoices', { query: withInvalid }),
  list('customers', 'entries', {
    deletes: {
      proof: 'look-up',
      path: '/customers/{key}',
      mergedInto: { path: '/customers', listKey: 'entries', field: 'external_ids', filter: 'external_id' },
    },
  }),
  list('subscription_events', 'subscription_events', { query: { with_disabled: true } }),
  // The cursor of this list has been observed to skip one row per page.
  list('activities', 'entries', { paging: 'start-after' }),
  children('customer_subscriptions', 'entries', ofCustomer, [
    '/subscriptions',
    '/customers/{customer_uuid}/subscriptions',
  ]),
  children('customer_activities', 'entries', ofCustomer, ['/customers/{customer_uuid}/activities']),
  addressed('contacts', 'entries'),
  addressed('customer_notes', 'entries'),
  addressed('notes', 'entries'),
  addressed('opportunities', 'entries'),
  addressed('tasks', 'entries'),
  addressed('plans', 'plans'),
  addressed('plan_groups', 'plan_groups'),
  children('plan_group_plans', 'plans', ofPlanGroup, ['/plan_groups/{plan_group_uuid}/plans']),
  list('data_sources', 'data_sources', {
    paths: ['/data_sources', '/sources'],
    query: {
      with_processing_status: true,
      with_auto_churn_subscription_setting: true,
      with_invoice_handling_setting: true,
    },
  }),
  // In ChartMogul, transactions exist only within invoices. Servers that follow dltHub's
  // documentation list them separately.
  list('transactions', 'transactions', { query: withInvalid, isOptional: true }),
  ...metrics.map((metric): StreamSpec => ({
    name: `metrics_${metric.replaceAll('-', '_')}`,
    paths: [`/metrics/${metric}`],
    listKey: 'entries',
    paging: 'none',
    metric: metric === 'asp' ? { intervals: ['month', 'quarter', 'year'] } : {},
    deletes: { proof: 'none' },
  })),
  {
    name: 'account',
    paths: ['/account'],
    listKey: null,
    paging: 'none',
    query: { include: accountInclude },
    deletes: { proof: 'single' },
  },
];

/** The MRR movements that ChartMogul sends to the webhook receiver. No run reads them. */
export const eventStream: StreamSpec = {
  name: 'mrr_movement_events',
  paths: ['/chartmogul/{token}'],
  listKey: 'entries',
  paging: 'none',
  parent: ofCustomer,
  deletes: { proof: 'none' },
};
