-- title: Churn by reason
-- about: MRR lost in the last twelve months by the reason that customers gave. The reason is a custom attribute such as churnReason.
-- chart: bar, x reason, y mrr_lost
SELECT
  ifNull(attribute.value, 'no reason') AS reason,
  uniqExact(movement.customer_uuid) AS customers,
  -sum(movement.mrr_movement) / 100 AS mrr_lost
FROM mrr_movements AS movement
LEFT JOIN (
  SELECT customer_uuid, any(value) AS value
  FROM customer_custom_attributes
  WHERE match(name, '(?i)^churn[ _-]?reason$')
  GROUP BY customer_uuid
) AS attribute ON attribute.customer_uuid = movement.customer_uuid
WHERE movement.type = 'churn' AND movement.date > now() - INTERVAL 12 MONTH
GROUP BY reason
ORDER BY mrr_lost DESC
