-- title: Customers that changed in the last 24 hours
-- about: The latest state of each customer whose record changed, at most 100 customers. Every view has the column _changed_at, so the same condition works for every view.
SELECT _changed_at AS changed_at, name AS customer, status, customers.mrr / 100 AS mrr, country
FROM customers
WHERE _changed_at > now() - INTERVAL 1 DAY
ORDER BY _changed_at DESC, uuid
LIMIT 100
