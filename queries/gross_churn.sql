-- title: Gross MRR churn
-- about: MRR lost to cancellations and downgrades in each month, as a percentage of the MRR at the start of the month. Net churn subtracts expansion and reactivation.
-- chart: line, x month, y gross_churn_percent, net_churn_percent
SELECT
  month,
  opening_mrr / 100 AS opening_mrr,
  -churn / 100 AS churned,
  -contraction / 100 AS contracted,
  round(-100 * (mrr.churn + mrr.contraction) / nullIf(mrr.opening_mrr, 0), 2) AS gross_churn_percent,
  round(-100 * (mrr.churn + mrr.contraction + mrr.expansion + mrr.reactivation) / nullIf(mrr.opening_mrr, 0), 2) AS net_churn_percent
FROM mrr_by_month AS mrr
ORDER BY month
