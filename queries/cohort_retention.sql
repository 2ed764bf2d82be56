-- title: Cohort retention
-- about: The share of customers who still pay, by the month of their first MRR and the number of months since then. Month 0 counts customers who still pay at the end of their first month.
-- chart: line, x months_later, y retained_percent, series cohort
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
      min(month) OVER (PARTITION BY customer_uuid) AS cohort,
      leadInFrame(month, 1, addMonths((SELECT max(month) FROM mrr_by_month), 1)) OVER (
        PARTITION BY customer_uuid ORDER BY month ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
      ) AS until
    FROM moved
  ),
  sizes AS (SELECT cohort, uniqExact(customer_uuid) AS size FROM levels GROUP BY cohort)
SELECT
  cohort,
  dateDiff('month', cohort, month) + later AS months_later,
  any(size) AS cohort_size,
  countIf(mrr > 0) AS customers,
  round(100 * customers / cohort_size, 1) AS retained_percent
FROM levels
ARRAY JOIN range(toUInt32(dateDiff('month', month, until))) AS later
INNER JOIN sizes USING (cohort)
GROUP BY cohort, months_later
ORDER BY cohort, months_later
