-- title: Failed payments
-- about: Invoices with failed payments and no successful payment in the last twelve months.
SELECT
  toDate(max(payment.date)) AS failed_on,
  customer.name AS customer,
  payment.invoice_uuid AS invoice,
  payment.currency AS currency,
  countIf(payment.result = 'failed') AS attempts,
  max(payment.amount_in_cents) / 100 AS amount
FROM transactions AS payment
LEFT JOIN customers AS customer ON customer.uuid = payment.customer_uuid
WHERE payment.type = 'payment' AND payment.date > now() - INTERVAL 12 MONTH AND NOT ifNull(payment.disabled, false)
GROUP BY customer, invoice, currency
HAVING countIf(payment.result = 'successful') = 0 AND attempts > 0
ORDER BY failed_on DESC, invoice
