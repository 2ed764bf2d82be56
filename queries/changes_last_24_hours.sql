-- title: What changed in the last 24 hours
-- about: Records that are new, changed or deleted, by table. A record that changed several times may count several times.
-- chart: bar, x stream, y written
SELECT
  replaceRegexpOne(_table, '_raw$', '') AS stream,
  countIf(_deleted = 0) AS written,
  countIf(_deleted = 1) AS deleted,
  max(_timestamp) AS last_change
FROM merge('_raw$')
WHERE _timestamp > now() - INTERVAL 1 DAY
GROUP BY stream
ORDER BY last_change DESC, stream
