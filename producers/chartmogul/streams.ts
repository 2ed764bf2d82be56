import type { Query } from './client.ts';

/** How one resource of ChartMogul is read. Its fields and primary key stand in `schemas/<name>.avsc`. */
export interface StreamSpec {
  readonly name: string;
  /** Addresses under the base URL; the next is tried where one answers 404. */
  readonly paths: readonly [string, ...string[]];
  /** The key of the list in an answer, or null where the answer itself is the only record. */
  readonly listKey: string | null;
  /** `detect`: told from the first page. `start-after`: by the uuid of the last row. */
  readonly paging: 'detect' | 'start-after' | 'none';
  /** The stream whose `uuid` stands as `{field}` in an address and is added to every record under that name. */
  readonly parent?: { readonly stream: string; readonly field: string };
  /** Metrics are asked for by time and interval. */
  readonly isMetric?: true;
  /** Filters, without which ChartMogul would hide rows or fields. */
  readonly query?: Query;
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

/** Every stream that is produced, in the order in which a run begins them: the longest first. */
export const streams: readonly StreamSpec[] = [
  // Invalid and disabled invoices are hidden by default, and would look deleted.
  {
    name: 'invoices',
    paths: ['/invoices'],
    listKey: 'invoices',
    paging: 'detect',
    query: { validation_type: 'all', with_disabled: true },
  },
  { name: 'customers', paths: ['/customers'], listKey: 'entries', paging: 'detect' },
  {
    name: 'subscription_events',
    paths: ['/subscription_events'],
    listKey: 'subscription_events',
    paging: 'detect',
    query: { with_disabled: true },
  },
  // The cursor of this list was recorded to skip a row a page.
  { name: 'activities', paths: ['/activities'], listKey: 'entries', paging: 'start-after' },
  { name: 'contacts', paths: ['/contacts'], listKey: 'entries', paging: 'detect' },
  { name: 'customer_notes', paths: ['/customer_notes'], listKey: 'entries', paging: 'detect' },
  { name: 'notes', paths: ['/notes'], listKey: 'entries', paging: 'detect' },
  { name: 'opportunities', paths: ['/opportunities'], listKey: 'entries', paging: 'detect' },
  { name: 'tasks', paths: ['/tasks'], listKey: 'entries', paging: 'detect' },
  { name: 'plans', paths: ['/plans'], listKey: 'plans', paging: 'detect' },
  { name: 'plan_groups', paths: ['/plan_groups'], listKey: 'plan_groups', paging: 'detect' },
  {
    name: 'plan_group_plans',
    paths: ['/plan_groups/{plan_group_uuid}/plans'],
    listKey: 'plans',
    paging: 'detect',
    parent: { stream: 'plan_groups', field: 'plan_group_uuid' },
  },
  {
    name: 'data_sources',
    paths: ['/data_sources', '/sources'],
    listKey: 'data_sources',
    paging: 'detect',
    query: {
      with_processing_status: true,
      with_auto_churn_subscription_setting: true,
      with_invoice_handling_setting: true,
    },
  },
  ...metrics.map((metric): StreamSpec => ({
    name: `metrics_${metric.replaceAll('-', '_')}`,
    paths: [`/metrics/${metric}`],
    listKey: 'entries',
    paging: 'none',
    isMetric: true,
  })),
  { name: 'account', paths: ['/account'], listKey: null, paging: 'none', query: { include: accountInclude } },
];
