import {
  askRows,
  asReader,
  clickHouseError,
  createClickHouse,
  literal,
  type ClickHouseClient,
} from '../../core/clickhouse/client.ts';
import { ServiceRefusedError } from '../../core/errors.ts';
import type { ClickHouseSettings } from '../../core/settings/config.ts';
import type { LargeMovement, MrrMonth, MrrReport } from './mrr-report.ts';
import { largestMovementsSql, monthsSql, mrrFigures, type MonthCount } from './mrr-sql.ts';

/**
 * Returns the MRR of the account by month, from the views of the sink.
 * @throws ServiceUnavailableError, ServiceRefusedError; the signal's reason.
 */
export async function readMrrReport(
  ownSettings: ClickHouseSettings,
  count: MonthCount,
  signal: AbortSignal,
): Promise<MrrReport> {
  const settings = asReader(ownSettings);
  const client = createClickHouse(settings);
  try {
    return await reportOf(client, settings, count, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw clickHouseError(error, settings);
  } finally {
    await client.close();
  }
}

type Row = Readonly<Record<string, unknown>>;

async function reportOf(
  client: ClickHouseClient,
  { database }: ClickHouseSettings,
  count: MonthCount,
  signal: AbortSignal,
): Promise<MrrReport> {
  const inDatabase: Record<string, string> = { database };
  const ask = (sql: string): Promise<Row[]> => askRows<Row>(client, sql, signal, inDatabase);
  const tables = await askRows<{ readonly name: string }>(
    client,
    `SELECT name FROM system.tables WHERE database = ${literal(database)} AND name IN ('activities', 'account', 'mrr_movements', 'mrr_by_month')`,
    signal,
  );
  const names = new Set(tables.map(({ name }) => name));
  const streams = (['activities', 'account'] as const).filter((stream) => !names.has(stream));
  if (streams.length > 0) return { state: 'missing', streams };

  const [account] = await ask(
    `SELECT argMax(currency, _changed_at) AS currency, ifNull(nullIf(argMax(time_zone, _changed_at), ''), 'UTC') AS zone,
       zone IN (SELECT time_zone FROM system.time_zones) AS is_known FROM account`,
  );
  const timeZone = textOf(account?.['zone']);
  if (account?.['is_known'] !== 1) return { state: 'unknown-zone', timeZone };
  const views = ['mrr_by_month', 'mrr_movements'].filter((view) => !names.has(view));
  if (views.length > 0) return { state: 'no-view', views };

  const months = await ask(monthsSql(mrrFigures, count));
  if (months.length === 0) return { state: 'no-movements' };
  const largest = await ask(largestMovementsSql);
  return {
    state: 'ready',
    currency: textOf(account['currency']),
    timeZone,
    months: months.map(monthOf),
    largest: largest.map(movementOf),
    sql: {
      mrr: monthsSql(['mrr'], count),
      customers: monthsSql(['customers'], count),
      arpa: monthsSql(['mrr', 'customers', 'arpa'], count),
      churn: monthsSql(['mrr', 'customers', 'churn'], count),
      largest: largestMovementsSql,
    },
  };
}

function monthOf(row: Row): MrrMonth {
  return {
    month: textOf(row['month']),
    openingMrr: wholeOf(row, 'opening_mrr'),
    newBusiness: wholeOf(row, 'new_business'),
    expansion: wholeOf(row, 'expansion'),
    contraction: wholeOf(row, 'contraction'),
    churn: wholeOf(row, 'churn'),
    reactivation: wholeOf(row, 'reactivation'),
    closingMrr: wholeOf(row, 'closing_mrr'),
    customersGained: wholeOf(row, 'customers_gained'),
    customersLost: wholeOf(row, 'customers_lost'),
    customers: wholeOf(row, 'customers'),
    arpa: row['arpa'] === null ? null : wholeOf(row, 'arpa'),
    customerChurnRate: numberOf(row['customer_churn_rate']),
    mrrChurnRate: numberOf(row['mrr_churn_rate']),
  };
}

function movementOf(row: Row): LargeMovement {
  return {
    date: textOf(row['date']),
    customer: textOf(row['customer_name']),
    customerUuid: textOf(row['customer_uuid']),
    type: textOf(row['type']),
    movement: wholeOf(row, 'mrr_movement'),
    mrr: row['mrr'] === null ? null : wholeOf(row, 'mrr'),
    plan: textOf(row['plan']),
    description: textOf(row['description']),
  };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function numberOf(value: unknown): number | null {
  return value === null ? null : Number(value);
}

/** @throws ServiceRefusedError if a 64-bit integer would lose digits. */
function wholeOf(row: Row, column: string): number {
  const value = Number(row[column] ?? 0);
  if (!Number.isSafeInteger(value))
    throw new ServiceRefusedError(
      `the MRR report cannot show ${column}: it must be an integer below 2^53; open the query in the SQL page`,
    );
  return value;
}
