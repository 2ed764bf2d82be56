-- title: MRR by month
-- about: Monthly recurring revenue at the end of each month, and its movements, in the currency of the account.
-- chart: line, x month, y mrr
SELECT
  month,
  closing_mrr / 100 AS mrr,
  new_business / 100 AS new_business,
  expansion / 100 AS expansion,
  contraction / 100 AS contraction,
  churn / 100 AS churn,
  reactivation / 100 AS reactivation
FROM mrr_by_month
ORDER BY month
