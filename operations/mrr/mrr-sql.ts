/** The number of months that a report shows, the current one included; undefined shows all. */
export type MonthCount = 12 | 24 | undefined;

/** The columns of each figure, and the expressions that compute them from the months below. */
const figures = {
  mrr: {
    opening_mrr: 'opening_mrr',
    new_business: 'new_business',
    expansion: 'expansion',
    contraction: 'contraction',
    churn: 'churn',
    reactivation: 'reactivation',
    closing_mrr: 'closing_mrr',
  },
  customers: {
    customers_gained: 'customers_gained',
    customers_lost: 'customers_lost',
    customers: 'customers',
  },
  // Rounds to whole cents without floating-point arithmetic.
  arpa: { arpa: 'if(customers = 0, NULL, intDivOrZero(2 * closing_mrr + customers, 2 * customers))' },
  churn: {
    customer_churn_rate: percent('customers_lost', 'customers - customers_gained + customers_lost'),
    mrr_churn_rate: percent('-(expansion + contraction + churn + reactivation)', 'opening_mrr'),
  },
} as const;

export type MrrFigure = keyof typeof figures;

export const mrrFigures = Object.keys(figures) as readonly MrrFigure[];

const zone = `(SELECT ifNull(nullIf(argMax(time_zone, _changed_at), ''), 'UTC') FROM account) AS zone`;

/** Returns the query for the chosen figures, with a row for each month. Amounts are in cents. */
export function monthsSql(chosen: readonly MrrFigure[], count: MonthCount): string {
  const columns = chosen.flatMap((figure) =>
    Object.entries(figures[figure]).map(([name, sql]) => (name === sql ? name : `${sql} AS ${name}`)),
  );
  const needsCustomers = chosen.some((figure) => figure !== 'mrr');
  const lines = needsCustomers ? [`WITH`, `  ${zone},`, withCustomers] : [];
  if (!needsCustomers && count !== undefined) lines.push('WITH', `  ${zone}`);
  lines.push('SELECT', `  month,`, `  ${columns.join(',\n  ')}`);
  lines.push(`FROM ${needsCustomers ? 'months' : 'mrr_by_month'}`);
  if (count !== undefined)
    lines.push(`WHERE month > addMonths(toStartOfMonth(toTimeZone(now(), zone)), -${count})`);
  return [...lines, 'ORDER BY month'].join('\n');
}

/** New business or a reactivation gains a customer, and churn loses one. */
const withCustomers = `  counted AS (
    SELECT
      toStartOfMonth(toTimeZone(assumeNotNull(date), zone)) AS month,
      toInt64(countIf(type IN ('new_biz', 'reactivation'))) AS customers_gained,
      toInt64(countIf(type = 'churn')) AS customers_lost
    FROM mrr_movements
    WHERE date IS NOT NULL
    GROUP BY month
  ),
  months AS (
    SELECT *, sum(customers_gained - customers_lost) OVER (ORDER BY month) AS customers
    FROM mrr_by_month
    LEFT JOIN counted USING (month)
  )`;

/**
 * The ten largest movements of the seven days up to the latest movement. Dates are in the time zone
 * of the account.
 */
export const largestMovementsSql = `WITH
  ${zone},
  (SELECT max(date) FROM mrr_movements WHERE date <= now64(9)) AS latest
SELECT
  toTimeZone(assumeNotNull(date), zone) AS date,
  customer_name,
  customer_uuid,
  type,
  mrr_movement,
  mrr,
  plan_external_id AS plan,
  description
FROM mrr_movements
WHERE mrr_movements.date > latest - INTERVAL 7 DAY AND mrr_movements.date <= latest
ORDER BY abs(mrr_movement) DESC, uuid
LIMIT 10`;

/**
 * Returns SQL for a percentage with two decimal places, rounded as in the ChartMogul API; null if
 * the whole is 0.
 */
function percent(part: string, whole: string): string {
  return `floor(10000 * (${part}) / nullIf(${whole}, 0) + 0.5) / 100`;
}
