-- title: MRR by plan
-- about: The plans of the active subscriptions, with subscribers and MRR.
-- chart: bar, x plan, y mrr
SELECT
  plan,
  uniqExact(customer_uuid) AS customers,
  count() AS subscriptions,
  sum(subscription_periods.mrr) / 100 AS mrr,
  round(100 * sum(subscription_periods.mrr) / sum(sum(subscription_periods.mrr)) OVER (), 1) AS share_percent
FROM subscription_periods
WHERE status = 'active'
GROUP BY plan
ORDER BY mrr DESC, plan
