import { recordWithin } from '../../core/avro/schema.ts';
import { readStreamSchema } from '../../core/avro/schema-files.ts';
import { quoted } from '../../core/clickhouse/client.ts';
import { anyKind, hasColumns, rounded, type StreamColumns } from './column-kinds.ts';
import { customAttributes, customerTags } from './customer-attributes.ts';
import { mrrByMonth } from './mrr-by-month.ts';
import { fromLatest, latestRows, withChangedAt, type ViewQuery } from './view-query.ts';

/** A view over the storage tables of streams. */
export interface DerivedView {
  readonly name: string;
  /** Meaning of its rows, for the documentation. */
  readonly about: string;
  /** The first stream reports faults of the view. */
  readonly streams: readonly [string, ...string[]];
  /** Returns the query; undefined if the storage tables lack a column that the view needs. */
  readonly query: (database: string, columns: StreamColumns) => ViewQuery | undefined;
}

export const derivedViews: readonly DerivedView[] = [
  invoiceItems('line_items', 'a row for each line item of an invoice', 'line_items'),
  invoiceItems('invoice_line_items', 'another name for `line_items`', 'line_items'),
  invoiceItems('transactions', 'a row for each payment or refund of an invoice', 'transactions'),
  synonym('sources', 'data_sources'),
  synonym('subscriptions', 'customer_subscriptions'),
  {
    name: 'customer_tags',
    about: 'a row for each tag of a customer',
    streams: ['customers'],
    query: customerTags,
  },
  {
    name: 'customer_custom_attributes',
    about: 'a row for each custom attribute of a customer, with a column for each type',
    streams: ['customers'],
    query: customAttributes,
  },
  renamed('mrr_movements', 'a row for each change of MRR', 'activities', [
    ['uuid', 'uuid', 'Movement id.'],
    ['customer_uuid', 'customer_uuid', 'Customer, `cus_…`.'],
    ['date', 'date', 'When MRR moved.'],
    ['type', 'type', '`new_biz`, `reactivation`, `expansion`, `contraction` or `churn`.'],
    ['mrr_movement', 'activity_mrr_movement', 'Change of MRR, signed, in cents of `currency`.'],
    ['mrr', 'activity_mrr', 'MRR of the customer afterwards, in cents of `currency`.'],
    ['arr', 'activity_arr', 'Annual run rate afterwards, in cents of `currency`.'],
    ['currency', 'currency', 'ISO 4217 code.'],
    ['description', 'description', 'What happened, in words.'],
    ['customer_name', 'customer_name', 'Name of the customer.'],
    ['plan_external_id', 'plan_external_id', 'Id of the plan in the billing system.'],
    ['subscription_external_id', 'subscription_external_id', 'Id of the subscription in the billing system.'],
    ['data_source_uuid', 'billing_connector_uuid', 'Data source.'],
  ]),
  {
    name: 'mrr_by_month',
    about: "a row for each month from the first movement to now, in the account's time zone",
    streams: ['activities', 'account'],
    query: mrrByMonth,
  },
  renamed('subscription_periods', 'a row for each subscription', 'customer_subscriptions', [
    ['customer_uuid', 'customer_uuid', 'Customer, `cus_…`.'],
    ['subscription_id', 'id', 'Numeric id of the subscription.'],
    ['subscription_external_id', 'external_id', 'Id of the subscription in the billing system.'],
    ['plan', 'plan', 'Name of the plan.'],
    ['start', 'start_date', 'When the period begins.'],
    ['end', 'end_date', 'When the period ends, which may be in the future.'],
    ['status', 'status', '`active` or `inactive`.'],
    ['mrr', 'mrr', 'Monthly recurring revenue, in cents of `currency`.'],
    ['currency', 'currency', 'ISO 4217 code.'],
  ]),
];

/** Returns a view that is another name for a stream. */
function synonym(name: string, stream: string): DerivedView {
  return {
    name,
    about: `another name for \`${stream}\``,
    streams: [stream],
    query: (database, columns) => {
      const own = columns.get(stream);
      return own && latestRows(database, stream, own);
    },
  };
}

/** Returns a view of a stream's columns under other names, without fractions of a cent. */
function renamed(
  name: string,
  about: string,
  stream: string,
  names: readonly (readonly [name: string, column: string, comment: string])[],
): DerivedView {
  const needed = Object.fromEntries(names.map(([, column]) => [column, anyKind]));
  const query = (database: string, columns: StreamColumns) => {
    if (!hasColumns(columns, stream, needed)) return undefined;
    const selected = names.map(([as, column, comment]) => ({
      name: as,
      sql: rounded(columns, stream, column, 'parent.'),
      comment,
    }));
    return {
      columns: withChangedAt(selected, 'parent._timestamp'),
      from: fromLatest(database, stream, 'parent'),
    };
  };
  return { name, about, streams: [stream], query };
}

const invoiceColumns = [
  ['invoice_uuid', 'uuid', 'Invoice, `inv_…`.'],
  ['customer_uuid', 'customer_uuid', 'Customer, `cus_…`.'],
  ['currency', 'currency', 'ISO 4217 code.'],
  ['invoice_date', 'date', 'When the invoice was issued.'],
] as const;

/** Returns a view of a list in the invoices, with a row for each item. */
function invoiceItems(name: string, about: string, list: string): DerivedView {
  const field = readStreamSchema('invoices').fields.find((one) => one.name === list);
  const docs = new Map(field && recordWithin(field.type)?.fields.map((member) => [member.name, member.doc]));
  return {
    name,
    about,
    streams: ['invoices'],
    query: (database, columns) => {
      const invoices = columns.get('invoices') ?? [];
      const type = invoices.find((column) => column.name === list)?.type;
      if (type?.kind !== 'array' || type.item.kind !== 'tuple') return undefined;
      const members = type.item.members.map((member) => member.name);
      // Both kinds of columns are qualified, because an alias would replace a column of that name.
      const ofInvoice = invoiceColumns
        .filter(([as, column]) => !members.includes(as) && invoices.some((own) => own.name === column))
        .map(([as, column, comment]) => ({ name: as, sql: `parent.${quoted(column)}`, comment }));
      const ofItem = members.map((member) => ({
        name: member,
        sql: `item.${quoted(member)}`,
        comment: docs.get(member) ?? `\`${member}\` of an item in \`${list}\` of the invoice.`,
      }));
      return {
        columns: withChangedAt([...ofInvoice, ...ofItem], 'parent._timestamp'),
        from: `${fromLatest(database, 'invoices', 'parent')} ARRAY JOIN parent.${quoted(list)} AS item`,
      };
    },
  };
}
