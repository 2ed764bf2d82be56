/** Questions about MRR, and the SQL that answers them. */
export const demoQuestions: readonly { readonly question: string; readonly sql: string }[] = [
  {
    question: 'What is our MRR, and how many customers does it come from?',
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
    question: 'Which plans bring in the most MRR?',
    sql: `
      SELECT plan,
             uniqExact(customer_uuid) AS customers,
             round(avg(quantity), 1) AS seats,
             round(sum(mrr) / 100) AS mrr_usd,
             bar(sum(mrr), 0, max(sum(mrr)) OVER (), 20) AS share
      FROM customer_subscriptions
      WHERE status = 'active'
      GROUP BY plan
      ORDER BY mrr_usd DESC`,
  },
  {
    question: 'Where did the growth of the last six months come from?',
    sql: `
      SELECT date AS until,
             round(mrr_new_business / 100) AS new,
             round(mrr_expansion / 100) AS expansion,
             round(mrr_contraction / 100) AS contraction,
             round(mrr_churn / 100) AS churn,
             round(mrr_reactivation / 100) AS reactivation,
             round(mrr / 100) AS mrr_usd
      FROM metrics_mrr
      WHERE interval = 'month'
      ORDER BY date DESC
      LIMIT 6`,
  },
  {
    question: 'Why do customers leave, and what did they pay?',
    sql: `
      SELECT JSONExtractString(attributes.custom, 'churnReason') AS reason,
             count() AS customers,
             round(sum(lost.mrr) / 100) AS lost_mrr_usd
      FROM customers
      INNER JOIN (
        SELECT customer_uuid, -argMax(activity_mrr_movement, date) AS mrr
        FROM activities
        WHERE type = 'churn'
        GROUP BY customer_uuid
      ) AS lost ON lost.customer_uuid = customers.uuid
      WHERE status = 'Cancelled'
      GROUP BY reason
      ORDER BY lost_mrr_usd DESC`,
  },
];
