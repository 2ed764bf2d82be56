-- title: Outstanding invoices
-- about: Amounts that customers still owe on invoices that are neither paid, void nor written off, with the number of days since the due date. A refund does not make an invoice outstanding.
WITH
  items AS (
    -- Amounts include taxes and fees.
    SELECT invoice_uuid, sum(amount_in_cents) AS cents
    FROM line_items
    WHERE NOT ifNull(disabled, false)
    GROUP BY invoice_uuid
  ),
  payments AS (
    -- A payment without an amount pays the whole invoice.
    SELECT invoice_uuid, sum(amount_in_cents) AS cents, countIf(amount_in_cents IS NULL) > 0 AS is_whole
    FROM transactions
    WHERE type = 'payment' AND result = 'successful' AND NOT ifNull(disabled, false)
    GROUP BY invoice_uuid
  ),
  (SELECT ifNull(nullIf(any(time_zone), ''), 'UTC') FROM account) AS zone
SELECT
  toDate(toTimeZone(ifNull(invoice.due_date, invoice.date), zone)) AS due_on,
  customer.name AS customer,
  invoice.external_id AS invoice,
  invoice.currency AS currency,
  items.cents / 100 AS amount,
  ifNull(payments.cents, 0) / 100 AS paid,
  (items.cents - ifNull(payments.cents, 0)) / 100 AS outstanding,
  greatest(0, dateDiff('day', due_on, toDate(toTimeZone(now(), zone)))) AS days_overdue
FROM invoices AS invoice
INNER JOIN items ON items.invoice_uuid = invoice.uuid
LEFT JOIN payments ON payments.invoice_uuid = invoice.uuid
LEFT JOIN customers AS customer ON customer.uuid = invoice.customer_uuid
WHERE ifNull(invoice.status, '') NOT IN ('paid', 'voided', 'void', 'written_off')
  AND NOT ifNull(invoice.disabled, false)
  AND NOT ifNull(payments.is_whole, false)
  AND outstanding > 0
ORDER BY due_on DESC, invoice.uuid
