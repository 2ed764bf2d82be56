-- title: Largest MRR movements
-- about: The 20 largest changes in MRR in the 30 days before the latest movement.
SELECT toDate(date) AS day, customer_name AS customer, type, mrr_movement / 100 AS moved, mrr / 100 AS mrr_afterwards, description
FROM mrr_movements
WHERE date > (SELECT max(date) FROM mrr_movements) - INTERVAL 30 DAY
ORDER BY abs(mrr_movement) DESC, uuid
LIMIT 20
