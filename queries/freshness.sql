-- title: Freshness of each stream
-- about: When each stream was last read without a failure, and how long ago. Stale streams come first.
SELECT
  stream,
  maxIf(finished_at, outcome = 'done') AS read_at,
  round(dateDiff('second', read_at, now()) / 3600, 1) AS hours_ago,
  argMax(outcome, finished_at) AS last_outcome,
  argMax(failure, finished_at) AS last_failure
FROM runs
WHERE stream != ''
GROUP BY stream
ORDER BY read_at, stream
