import { literal, qualified, quoted } from '../../core/clickhouse/client.ts';
import { storageTableOf, viewOf } from '../../core/stream-name.ts';
import type { CommentedColumn } from '../table/stored-columns.ts';
import { CHANGED_AT, changedAt, type ViewQuery } from './view-query.ts';

/** The columns of the storage tables that exist, by stream. */
export type StreamColumns = ReadonlyMap<string, readonly CommentedColumn[]>;

/** A view over the views of streams. */
export interface DerivedView {
  readonly name: string;
  /** It needs a storage table of each of them. */
  readonly streams: readonly [string, ...string[]];
  /** Returns the query; undefined if the streams lack a column that the view cannot do without. */
  readonly query: (database: string, columns: StreamColumns) => ViewQuery | undefined;
}

const invoiceParents = {
  uuid: 'invoice_uuid',
  customer_uuid: 'customer_uuid',
  currency: 'currency',
  date: 'invoice_date',
};

export const derivedViews: readonly DerivedView[] = [
  items('line_items', 'invoices', 'line_items', invoiceParents),
  items('invoice_line_items', 'invoices', 'line_items', invoiceParents),
  items('transactions', 'invoices', 'transactions', invoiceParents),
  synonym('sources', 'data_sources'),
  synonym('subscriptions', 'customer_subscriptions'),
  { name: 'customer_tags', streams: ['customers'], query: customerTags },
  { name: 'customer_custom_attributes', streams: ['customers'], query: customAttributes },
  { name: 'mrr_movements', streams: ['activities'], query: mrrMovements },
  { name: 'mrr_by_month', streams: ['activities', 'account'], query: mrrByMonth },
  { name: 'subscription_periods', streams: ['customer_subscriptions'], query: subscriptionPeriods },
];

/** Returns a view that is another name of a stream. */
function synonym(name: string, stream: string): DerivedView {
  return {
    name,
    streams: [stream],
    query: (database, columns) => ({
      columns: (columns.get(stream) ?? [])
        .map(({ name: column, comment }) => ({
          name: column,
          sql: `parent.${quoted(column)}`,
          comment,
        }))
        .concat(changedAt(`parent.${CHANGED_AT}`)),
      from: `FROM ${qualified(database, viewOf(stream))} AS parent`,
    }),
  };
}

/**
 * Returns a view of the records in a list of a stream, one row each.
 *
 * @param parents columns of the stream that each row repeats, and their names in the view.
 */
function items(
  name: string,
  stream: string,
  list: string,
  parents: Readonly<Record<string, string>>,
): DerivedView {
  return {
    name,
    streams: [stream],
    query: (database, columns) => {
      const own = columns.get(stream) ?? [];
      const type = own.find((column) => column.name === list)?.type;
      if (type?.kind !== 'array' || type.item.kind !== 'tuple') return undefined;
      const members = type.item.members.map((member) => member.name);
      const repeated = Object.entries(parents).filter(([, as]) => !members.includes(as));
      return {
        // Qualified on both sides: an alias would otherwise replace a column of the same name.
        columns: [
          ...repeated.map(([column, as]) => ({
            name: as,
            sql: `parent.${quoted(column)}`,
            comment: own.find((one) => one.name === column)?.comment ?? '',
          })),
          ...members.map((member) => ({
            name: member,
            sql: `item.${quoted(member)}`,
            comment: `\`${member}\` of each item in \`${list}\` of \`${stream}\`.`,
          })),
          changedAt(`parent.${CHANGED_AT}`),
        ],
        from: `FROM ${qualified(database, viewOf(stream))} AS parent ARRAY JOIN ${quoted(list)} AS item`,
      };
    },
  };
}

/** Returns whether a column is a Tuple with these members. */
function hasMember(columns: readonly CommentedColumn[], column: string, member: string): boolean {
  const type = columns.find(({ name }) => name === column)?.type;
  const tuple = type?.kind === 'nullable' ? type.inner : type;
  return tuple?.kind === 'tuple' && tuple.members.some(({ name }) => name === member);
}

function customerTags(database: string, columns: StreamColumns): ViewQuery | undefined {
  if (!hasMember(columns.get('customers') ?? [], 'attributes', 'tags')) return undefined;
  return {
    columns: [
      { name: 'customer_uuid', sql: 'uuid', comment: 'Customer, `cus_…`.' },
      { name: 'tag', sql: 'tag', comment: 'One of the tags of the customer.' },
      changedAt(CHANGED_AT),
    ],
    from:
      `FROM ${qualified(database, viewOf('customers'))} ARRAY JOIN attributes.tags AS tag ` +
      `WHERE tag IS NOT NULL`,
  };
}

function customAttributes(database: string, columns: StreamColumns): ViewQuery | undefined {
  if (!hasMember(columns.get('customers') ?? [], 'attributes', 'custom')) return undefined;
  const raw = 'attribute.2';
  const text = `JSONExtractString(${raw})`;
  const type = `JSONType(${raw})`;
  const isTime = String.raw`match(${text}, '^\\d{4}-\\d\\d-\\d\\d[T ]\\d\\d:\\d\\d:\\d\\d')`;
  const typed = (condition: string, value: string) => `if(${condition}, ${value}, NULL)`;
  return {
    columns: [
      { name: 'customer_uuid', sql: 'uuid', comment: 'Customer, `cus_…`.' },
      { name: 'name', sql: 'attribute.1', comment: 'Name of the custom attribute, as ChartMogul shows it.' },
      {
        name: 'type',
        sql: `multiIf(${type} = 'String', if(${isTime}, 'Timestamp', 'String'), ${type} IN ('Int64', 'UInt64'), 'Integer', ${type} = 'Double', 'Decimal', ${type} = 'Bool', 'Boolean', ${type} = 'Null', 'Null', 'JSON')`,
        comment: '`String`, `Integer`, `Decimal`, `Boolean`, `Timestamp`, `JSON` or `Null`.',
      },
      {
        name: 'value',
        sql: `multiIf(${type} = 'String', ${text}, ${type} = 'Null', NULL, ${raw})`,
        comment: 'The value as text, for every type but Null.',
      },
      {
        name: 'string_value',
        sql: typed(`${type} = 'String'`, text),
        comment: 'The value of a String or Timestamp, else null.',
      },
      {
        name: 'integer_value',
        sql: typed(`${type} IN ('Int64', 'UInt64')`, `toInt64OrNull(${raw})`),
        comment: 'The value of an Integer, else null.',
      },
      {
        name: 'number_value',
        sql: `toFloat64OrNull(${raw})`,
        comment: 'The value of an Integer or Decimal as a double, else null.',
      },
      {
        name: 'boolean_value',
        sql: typed(`${type} = 'Bool'`, `toBool(${raw} = 'true')`),
        comment: 'The value of a Boolean, else null.',
      },
      {
        name: 'timestamp_value',
        sql: typed(isTime, `parseDateTime64BestEffortOrNull(${text}, 3, 'UTC')`),
        comment: 'The value of a Timestamp in UTC, else null.',
      },
      changedAt(CHANGED_AT),
    ],
    from:
      `FROM ${qualified(database, viewOf('customers'))} ` +
      `ARRAY JOIN JSONExtractKeysAndValuesRaw(attributes.custom) AS attribute`,
  };
}

const movementColumns = [
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
] as const;

function mrrMovements(database: string, columns: StreamColumns): ViewQuery | undefined {
  return renamed(database, 'activities', columns, movementColumns);
}

const periodColumns = [
  ['customer_uuid', 'customer_uuid', 'Customer, `cus_…`.'],
  ['subscription_id', 'id', 'Numeric id of the subscription.'],
  ['subscription_external_id', 'external_id', 'Id of the subscription in the billing system.'],
  ['plan', 'plan', 'Name of the plan.'],
  ['start', 'start_date', 'When the period begins.'],
  ['end', 'end_date', 'When the period ends, which may be in the future.'],
  ['status', 'status', '`active` or `inactive`.'],
  ['mrr', 'mrr', 'Monthly recurring revenue, in cents of `currency`.'],
  ['currency', 'currency', 'ISO 4217 code.'],
] as const;

function subscriptionPeriods(database: string, columns: StreamColumns): ViewQuery | undefined {
  return renamed(database, 'customer_subscriptions', columns, periodColumns);
}

/** Returns a query for columns of a stream under other names; undefined if it lacks one of them. */
function renamed(
  database: string,
  stream: string,
  columns: StreamColumns,
  names: readonly (readonly [name: string, column: string, comment: string])[],
): ViewQuery | undefined {
  const have = new Set(columns.get(stream)?.map(({ name }) => name));
  if (!names.every(([, column]) => have.has(column))) return undefined;
  return {
    columns: [
      ...names.map(([name, column, comment]) => ({ name, sql: `parent.${quoted(column)}`, comment })),
      changedAt(`parent.${CHANGED_AT}`),
    ],
    from: `FROM ${qualified(database, viewOf(stream))} AS parent`,
  };
}

/** The movements of a month: name of the column, type of the activity, comment. */
const monthlyMovements = [
  ['new_business', 'new_biz', 'MRR of new customers, in cents.'],
  ['expansion', 'expansion', 'MRR gained from existing customers, in cents.'],
  ['contraction', 'contraction', 'MRR lost from customers who stay, at most 0, in cents.'],
  ['churn', 'churn', 'MRR lost with customers, at most 0, in cents.'],
  ['reactivation', 'reactivation', 'MRR of customers who came back, in cents.'],
] as const;

/** One row for each month since the first movement, in the time zone of the account. */
function mrrByMonth(database: string, columns: StreamColumns): ViewQuery | undefined {
  const activities = new Set(columns.get('activities')?.map(({ name }) => name));
  const needed = ['date', 'type', 'activity_mrr_movement'];
  const hasZone = columns.get('account')?.some(({ name }) => name === 'time_zone') === true;
  if (!hasZone || !needed.every((name) => activities.has(name))) return undefined;
  // The sink may not have created the views of both streams yet.
  const latest = (stream: string) => `FROM ${qualified(database, storageTableOf(stream))} FINAL`;
  const zone = `(SELECT ifNull(any(time_zone), 'UTC') ${latest('account')})`;
  const monthOf = (time: string) => `toStartOfMonth(toTimeZone(${time}, ${zone}))`;
  const from = `${latest('activities')} WHERE date IS NOT NULL`;
  const sums = monthlyMovements.map(
    ([name, type]) => `sumIf(ifNull(activity_mrr_movement, 0), type = ${literal(type)}) AS ${name}`,
  );
  const net = monthlyMovements.map(([name]) => name).join(' + ');
  const running = 'OVER (ORDER BY month ASC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)';
  // A month without movements has a row too, with the MRR of the month before.
  const months =
    `SELECT arrayJoin(arrayMap(n -> addMonths(first, n), range(toUInt32(dateDiff('month', first, last) + 1)))) AS month, ` +
    `${monthlyMovements.map(([name]) => `toInt64(0) AS ${name}`).join(', ')}, toDateTime64(0, 3, 'UTC') AS changed ` +
    `FROM (SELECT min(${monthOf('assumeNotNull(date)')}) AS first, greatest(max(${monthOf('assumeNotNull(date)')}), ${monthOf('now()')}) AS last, count() AS n ${from}) WHERE n > 0`;
  const moved = `SELECT ${monthOf('assumeNotNull(date)')} AS month, ${sums.join(', ')}, max(_timestamp) AS changed ${from} GROUP BY month`;
  const merged =
    `SELECT month, ${monthlyMovements.map(([name]) => `sum(${name}) AS ${name}`).join(', ')}, max(changed) AS changed ` +
    `FROM (${moved} UNION ALL ${months}) GROUP BY month`;
  return {
    columns: [
      { name: 'month', sql: 'month', comment: 'First day of the month, in the time zone of the account.' },
      {
        name: 'opening_mrr',
        sql: `sum(net) ${running} - net`,
        comment: 'MRR at the start of the month, in cents.',
      },
      ...monthlyMovements.map(([name, , comment]) => ({ name, sql: name, comment })),
      { name: 'closing_mrr', sql: `sum(net) ${running}`, comment: 'MRR at the end of the month, in cents.' },
      changedAt(`max(changed) ${running}`),
    ],
    from: `FROM (SELECT *, ${net} AS net FROM (${merged}))`,
  };
}
