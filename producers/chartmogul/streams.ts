import type { MetricsInterval } from '../../core/settings/config.ts';
import type { Query } from './client.ts';

/** How a record that the topic has and the source no longer shows is proved to be gone. */
export type DeleteProof =
  /** Its address, with the key in place of `{key}`, answers 404. A key that cannot stand in one is missed twice. */
  | { readonly proof: 'look-up'; readonly path: string; readonly query?: Query; readonly heir?: Heir }
  /** Two complete runs, one after the other, did not have it. */
  | { readonly proof: 'twice' }
  /** The answer is the only record that there is: any other is an earlier form of it. */
  | { readonly proof: 'single' }
  /** A run does not read all of the stream, so nothing is known of what it does not have. */
  | { readonly proof: 'none' };

/** How to find the record that a vanished one was merged into: by a filter on values that it had. */
export interface Heir {
  readonly path: string;
  readonly listKey: string;
  /** The field that holds the values, in both. */
  readonly field: string;
  readonly filter: string;
}

/** How one resource of ChartMogul is read. Its fields and primary key stand in `schemas/<name>.avsc`. */
export interface StreamSpec {
  readonly name: string;
  /** Addresses under the base URL; the next is tried where one answers 404. */
  readonly paths: readonly [string, ...string[]];
  /** The key of the list in an answer, or null where the answer itself is the only record. */
  readonly listKey: string | null;
  /** `detect`: told from the first page. `start-after`: by the uuid of the last row. */
  readonly paging: 'detect' | 'start-after' | 'none';
  /** The stream whose key stands as `{field}` in an address and is added to every record under that name. */
  readonly parent?: ParentSpec;
  /** Metrics are asked for by time and interval; these intervals are known to the endpoint, all if undefined. */
  readonly metric?: { readonly intervals?: readonly MetricsInterval[] };
  /** Filters, without which ChartMogul would hide rows or fields. */
  readonly query?: Query;
  readonly deletes: DeleteProof;
  /** Where the account lacks the list there is simply nothing to read. */
  readonly isOptional?: true;
  /** Of a stream without a schema file: its schema is inferred from the first pages. */
  readonly primaryKey?: readonly string[];
}

export interface ParentSpec {
  readonly stream: string;
  readonly field: string;
  /** `changed`: parents whose record changed since the last visit, and all of them in every full round. */
  readonly visit: 'changed' | 'all';
}

/** Every optional part of the account. */
const accountInclude =
  'churn_recognition,churn_when_zero_mrr,auto_churn_subscription,refund_handling,proximate_movement_reclassification';

const metrics = [
  'all',
  'mrr',
  'arr',
  'arpa',
  'asp',
  'customer-count',
  'customer-churn-rate',
  'mrr-churn-rate',
  'ltv',
] as const;

/** Invalid and disabled rows are hidden by default, and would look deleted. */
const invalidToo: Query = { validation_type: 'all', with_disabled: true };

/** A plain paged list of which every record has an address of its own. */
function list(name: string, listKey: string, options: Partial<StreamSpec> = {}): StreamSpec {
  const path = `/${name}`;
  const deletes: DeleteProof = {
    proof: 'look-up',
    path: `${path}/{key}`,
    ...(options.query && { query: options.query }),
  };
  return { name, paths: [path], listKey, paging: 'detect', deletes, ...options };
}

/** Every stream that is produced, in the order in which a run begins them: the longest first. */
export const streams: readonly StreamSpec[] = [
  list('invoices', 'invoices', { query: invalidToo }),
  list('customers', 'entries', {
    deletes: {
      proof: 'look-up',
      path: '/customers/{key}',
      heir: { path: '/customers', listKey: 'entries', field: 'external_ids', filter: 'external_id' },
    },
  }),
  list('subscription_events', 'subscription_events', {
    query: { with_disabled: true },
    deletes: { proof: 'twice' },
  }),
  // The cursor of this list was recorded to skip a row a page.
  list('activities', 'entries', { paging: 'start-after', deletes: { proof: 'twice' } }),
  {
    name: 'customer_subscriptions',
    paths: ['/subscriptions', '/customers/{customer_uuid}/subscriptions'],
    listKey: 'entries',
    paging: 'detect',
    parent: { stream: 'customers', field: 'customer_uuid', visit: 'changed' },
    deletes: { proof: 'twice' },
  },
  {
    name: 'customer_activities',
    paths: ['/customers/{customer_uuid}/activities'],
    listKey: 'entries',
    paging: 'detect',
    parent: { stream: 'customers', field: 'customer_uuid', visit: 'changed' },
    deletes: { proof: 'twice' },
  },
  list('contacts', 'entries'),
  list('customer_notes', 'entries'),
  list('notes', 'entries'),
  list('opportunities', 'entries'),
  list('tasks', 'entries'),
  list('plans', 'plans'),
  list('plan_groups', 'plan_groups'),
  {
    name: 'plan_group_plans',
    paths: ['/plan_groups/{plan_group_uuid}/plans'],
    listKey: 'plans',
    paging: 'detect',
    // A group's record does not tell that a plan was exchanged for another.
    parent: { stream: 'plan_groups', field: 'plan_group_uuid', visit: 'all' },
    deletes: { proof: 'twice' },
  },
  list('data_sources', 'data_sources', {
    paths: ['/data_sources', '/sources'],
    query: {
      with_processing_status: true,
      with_auto_churn_subscription_setting: true,
      with_invoice_handling_setting: true,
    },
    deletes: { proof: 'twice' },
  }),
  // ChartMogul has transactions only inside invoices; servers with the addresses of dltHub's page list them.
  list('transactions', 'transactions', { query: invalidToo, isOptional: true, deletes: { proof: 'twice' } }),
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
