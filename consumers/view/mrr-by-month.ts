import { literal } from '../../core/clickhouse/client.ts';
import { hasColumns, isInstant, isInteger, isText, rounded, type StreamColumns } from './column-kinds.ts';
import { fromLatest, withChangedAt, type ViewQuery } from './view-query.ts';

/** The movements of a month: name of the column, type of the activity, comment. */
const movements = [
  ['new_business', 'new_biz', 'MRR of new customers, in cents.'],
  ['expansion', 'expansion', 'MRR gained from existing customers, in cents.'],
  ['contraction', 'contraction', 'MRR lost from customers who stay, at most 0, in cents.'],
  ['churn', 'churn', 'MRR lost with customers, at most 0, in cents.'],
  ['reactivation', 'reactivation', 'MRR of customers who returned, in cents.'],
] as const;

/**
 * Returns a query with a row for each month from the first movement until now, in the time zone of
 * the account.
 */
export function mrrByMonth(database: string, columns: StreamColumns): ViewQuery | undefined {
  const activities = { date: isInstant, type: isText, activity_mrr_movement: isInteger };
  if (!hasColumns(columns, 'activities', activities)) return undefined;
  if (!hasColumns(columns, 'account', { time_zone: isText })) return undefined;
  // If one account has replaced another, there are two rows.
  const zone = `(SELECT ifNull(nullIf(argMax(time_zone, _timestamp), ''), 'UTC') ${fromLatest(database, 'account')})`;
  const monthOf = (time: string) => `toStartOfMonth(toTimeZone(${time}, ${zone}))`;
  const month = monthOf('assumeNotNull(date)');
  const from = `${fromLatest(database, 'activities')} WHERE date IS NOT NULL`;

  const cents = rounded(columns, 'activities', 'activity_mrr_movement');
  const sums = movements.map(
    ([name, type]) => `sumIf(ifNull(${cents}, 0), type = ${literal(type)}) AS ${name}`,
  );
  const moved = `SELECT ${month} AS month, ${sums.join(', ')}, max(_timestamp) AS changed ${from} GROUP BY month`;

  // A month without movements also has a row, with the MRR of the previous month.
  const span = `SELECT min(${month}) AS first, greatest(max(${month}), ${monthOf('now()')}) AS last, count() AS n ${from}`;
  const zeros = movements.map(([name]) => `toInt64(0) AS ${name}`);
  const months =
    `SELECT arrayJoin(arrayMap(n -> addMonths(first, n), range(toUInt32(dateDiff('month', first, last) + 1)))) AS month, ` +
    `${zeros.join(', ')}, toDateTime64(0, 3, 'UTC') AS changed FROM (${span}) WHERE n > 0`;

  const totals = movements.map(([name]) => `sum(${name}) AS ${name}`);
  const merged = `SELECT month, ${totals.join(', ')}, max(changed) AS changed FROM (${moved} UNION ALL ${months}) GROUP BY month`;
  const net = movements.map(([name]) => name).join(' + ');
  const running = 'OVER (ORDER BY month ASC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)';
  return {
    columns: withChangedAt(
      [
        { name: 'month', sql: 'month', comment: 'First day of the month, in the time zone of the account.' },
        {
          name: 'opening_mrr',
          sql: `sum(net) ${running} - net`,
          comment: 'MRR at the start of the month, in cents.',
        },
        ...movements.map(([name, , comment]) => ({ name, sql: name, comment })),
        {
          name: 'closing_mrr',
          sql: `sum(net) ${running}`,
          comment: 'MRR at the end of the month, in cents.',
        },
      ],
      `max(changed) ${running}`,
    ),
    from: `FROM (SELECT *, ${net} AS net FROM (${merged}))`,
  };
}
