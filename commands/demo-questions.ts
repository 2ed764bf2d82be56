/** Questions about MRR, and the SQL that answers them. */
export const demoQuestions: readonly { readonly question: string; readonly sql: string }[] = [
  {
    question: 'What is our MRR, and how many customers pay it?',
    sql: `
      SELECT status,
             count() AS customers,
             round(sum(customers.mrr) / 100) AS mrr_usd,
             round(sum(customers.arr) / 100) AS arr_usd,
             round(avg(customers.mrr) / 100, 2) AS arpa_usd
      FROM customers
      GROUP BY status
      ORDER BY mrr_usd DESC, count() DESC`,
  },
  {
    question: 'Which plans earned the most in the last twelve months?',
    sql: `
      SELECT plan.name AS plan,
             any(plan.interval_unit) AS billed_per,
             uniqExact(item.customer_uuid) AS customers,
             round(sum(item.amount_in_cents) / 100) AS invoiced_usd,
             bar(sum(item.amount_in_cents), 0, max(sum(item.amount_in_cents)) OVER (), 10) AS share
      FROM line_items AS item
      INNER JOIN plans AS plan ON plan.uuid = item.plan_uuid
      WHERE item.invoice_date > (SELECT max(date) FROM invoices) - INTERVAL 12 MONTH
      GROUP BY plan.name
      ORDER BY invoiced_usd DESC
      LIMIT 6`,
  },
  {
    question: 'How many subscriptions start and end each month?',
    sql: `
      SELECT toStartOfMonth(effective_date) AS month,
             countIf(event_type = 'subscription_start') AS started,
             countIf(event_type = 'subscription_cancelled') AS cancelled,
             started - cancelled AS net
      FROM subscription_events
      WHERE effective_date <= (SELECT max(date) FROM invoices)
      GROUP BY month
      ORDER BY month DESC
      LIMIT 6`,
  },
];
