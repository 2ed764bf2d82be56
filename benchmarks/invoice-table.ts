import { qualified } from '../core/clickhouse/client.ts';

const fields = [
  ['uuid', 'String'],
  ['number', 'Int64'],
  ['date', "DateTime64(3, 'UTC')"],
  ['currency', 'String'],
  ['amount_in_cents', 'Int64'],
  ['due_date', "Nullable(DateTime64(3, 'UTC'))"],
  ['coupon', 'Nullable(String)'],
  ['line_items', 'Array(Tuple(plan String, quantity Int64, amount_in_cents Int64))'],
] as const;

const origin = [
  ['_partition', 'UInt64'],
  ['_offset', 'UInt64'],
] as const;

export const fieldDefinitions = definitions(fields);

export const invoiceColumns: [string, ...string[]] = [
  'uuid',
  ...[...fields.slice(1), ...origin].map(([name]) => name),
];

export function invoiceTable(database: string): string {
  return `CREATE TABLE ${qualified(database, 'invoices')} (${definitions([...fields, ...origin])})
    ENGINE = ReplacingMergeTree ORDER BY uuid`;
}

function definitions(columns: readonly (readonly [name: string, type: string])[]): string {
  return columns.map(([name, type]) => `${name} ${type}`).join(', ');
}
