-- title: Average revenue per account
-- about: MRR at the end of each month, divided by the number of paying customers at that time (ARPA).
-- chart: line, x month, y arpa
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
      month,
      sum(net) OVER (PARTITION BY customer_uuid ORDER BY month) AS mrr,
      leadInFrame(month, 1, addMonths((SELECT max(month) FROM mrr_by_month), 1)) OVER (
        PARTITION BY customer_uuid ORDER BY month ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
      ) AS until
    FROM moved
  )
SELECT
  addMonths(levels.month, later) AS month,
  count() AS customers,
  sum(levels.mrr) / 100 AS mrr,
  round(mrr / customers, 2) AS arpa
FROM levels
ARRAY JOIN range(toUInt32(dateDiff('month', levels.month, until))) AS later
WHERE levels.mrr > 0
GROUP BY month
ORDER BY month
