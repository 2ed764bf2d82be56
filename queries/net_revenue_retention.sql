-- title: Net revenue retention
-- about: MRR of the customers who paid twelve months earlier, as a percentage of their MRR at that time. A value above 100 means that expansion exceeds churn and contraction.
-- chart: line, x month, y net_revenue_retention_percent
WITH
  (SELECT ifNull(nullIf(any(time_zone), ''), 'UTC') FROM account) AS zone,
  moved AS (
    SELECT customer_uuid, toStartOfMonth(toTimeZone(assumeNotNull(date), zone)) AS month, sum(mrr_movement) AS net
    FROM mrr_movements
    WHERE date IS NOT NULL
    GROUP BY customer_uuid, month
  ),
  -- A customer has this MRR from the end of the month until the next movement.
  levels AS (
    SELECT
      customer_uuid,
      month,
      sum(net) OVER (PARTITION BY customer_uuid ORDER BY month) AS mrr,
      leadInFrame(month, 1, addMonths((SELECT max(month) FROM mrr_by_month), 1)) OVER (
        PARTITION BY customer_uuid ORDER BY month ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
      ) AS until
    FROM moved
  ),
  monthly AS (
    SELECT customer_uuid, addMonths(levels.month, n) AS paid_month, mrr
    FROM levels
    ARRAY JOIN range(toUInt32(dateDiff('month', levels.month, until))) AS n
    WHERE mrr > 0
  )
SELECT
  addMonths(earlier.paid_month, 12) AS month,
  count() AS customers_then,
  sum(earlier.mrr) / 100 AS mrr_then,
  sum(ifNull(now.mrr, 0)) / 100 AS mrr_now,
  round(100 * mrr_now / mrr_then, 1) AS net_revenue_retention_percent
FROM monthly AS earlier
LEFT JOIN monthly AS now ON now.customer_uuid = earlier.customer_uuid AND now.paid_month = addMonths(earlier.paid_month, 12)
WHERE earlier.paid_month <= (SELECT addMonths(max(mrr_by_month.month), -12) FROM mrr_by_month)
GROUP BY month
ORDER BY month
