-- title: New customers by month
-- about: Number of new customers in each month, with their total and average first MRR.
-- chart: bar, x month, y customers
SELECT
  toStartOfMonth(toTimeZone(assumeNotNull(date), (SELECT ifNull(nullIf(any(time_zone), ''), 'UTC') FROM account))) AS month,
  uniqExact(customer_uuid) AS customers,
  sum(mrr_movement) / 100 AS new_mrr,
  round(new_mrr / customers, 2) AS average_mrr
FROM mrr_movements
WHERE type = 'new_biz' AND date IS NOT NULL
GROUP BY month
ORDER BY month
