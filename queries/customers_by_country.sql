-- title: Customers by country
-- about: Paying customers, all customers and MRR by country.
-- chart: bar, x country, y mrr
SELECT
  ifNull(nullIf(country, ''), 'unknown') AS country,
  countIf(customers.mrr > 0) AS paying_customers,
  count() AS all_customers,
  sum(ifNull(customers.mrr, 0)) / 100 AS mrr
FROM customers
GROUP BY country
ORDER BY mrr DESC, country
