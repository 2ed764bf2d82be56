-- title: Runs with problems, dead letters and deletes
-- about: Runs of the last 30 days that failed, were stopped, rejected records or found deleted records.
SELECT finished_at, stream, outcome, new, changed, deleted, dead_lettered AS dead_letters, retries, rate_limited, failure
FROM runs
WHERE finished_at > now() - INTERVAL 30 DAY
  AND (outcome NOT IN ('done', 'absent') OR ifNull(dead_lettered, 0) > 0 OR ifNull(deleted, 0) > 0)
ORDER BY finished_at DESC, stream
LIMIT 200
