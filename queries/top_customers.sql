-- title: Top customers
-- about: The 20 customers with the highest MRR, and their share of all MRR.
-- chart: bar, x customer, y mrr
SELECT
  name AS customer,
  country,
  toDate(customer_since) AS since,
  customers.mrr / 100 AS mrr,
  round(100 * customers.mrr / sum(customers.mrr) OVER (), 1) AS share_percent
FROM customers
WHERE customers.mrr > 0
ORDER BY mrr DESC, uuid
LIMIT 20
