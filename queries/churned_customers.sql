-- title: Churned customers
-- about: Customers who left in the last twelve months, with the MRR that they paid and the reason, if a custom attribute such as churnReason contains it.
SELECT
  toDate(toTimeZone(movement.date, (SELECT ifNull(nullIf(any(time_zone), ''), 'UTC') FROM account))) AS left_on,
  customer.name AS customer,
  customer.country AS country,
  -movement.mrr_movement / 100 AS mrr_lost,
  reason.value AS reason,
  movement.description AS movement
FROM mrr_movements AS movement
INNER JOIN customers AS customer ON customer.uuid = movement.customer_uuid
LEFT JOIN (
  SELECT customer_uuid, any(value) AS value
  FROM customer_custom_attributes
  WHERE match(name, '(?i)^churn[ _-]?reason$')
  GROUP BY customer_uuid
) AS reason ON reason.customer_uuid = movement.customer_uuid
WHERE movement.type = 'churn' AND movement.date > now() - INTERVAL 12 MONTH
ORDER BY movement.date DESC, customer
