-- title: Outstanding invoices
-- about: Invoices without a successful payment that are neither void nor zero, with the number of days since the due date.
WITH
  amounts AS (
    SELECT invoice_uuid, sum(ifNull(amount_in_cents, 0) + ifNull(tax_amount_in_cents, 0)) AS cents
    FROM line_items
    GROUP BY invoice_uuid
  ),
  paid AS (SELECT DISTINCT invoice_uuid FROM transactions WHERE type = 'payment' AND result = 'successful')
SELECT
  toDate(ifNull(invoice.due_date, invoice.date)) AS due_on,
  customer.name AS customer,
  invoice.external_id AS invoice,
  invoice.currency AS currency,
  amounts.cents / 100 AS amount,
  greatest(0, dateDiff('day', due_on, today())) AS days_overdue
FROM invoices AS invoice
INNER JOIN amounts ON amounts.invoice_uuid = invoice.uuid
LEFT JOIN customers AS customer ON customer.uuid = invoice.customer_uuid
WHERE invoice.uuid NOT IN (SELECT invoice_uuid FROM paid)
  AND ifNull(invoice.status, '') NOT IN ('voided', 'void')
  AND NOT ifNull(invoice.disabled, false)
  AND amounts.cents > 0
ORDER BY due_on DESC, invoice.uuid
