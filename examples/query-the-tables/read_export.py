"""Queries an export of `npm run export` with DuckDB, without ClickHouse.

usage: python read_export.py FOLDER_OR_DUCKDB_FILE
"""

import sys
from pathlib import Path

import duckdb

if len(sys.argv) != 2:
    raise SystemExit(__doc__)
export = Path(sys.argv[1])

if export.is_dir():
    db = duckdb.connect()
    for file in export.glob("*.parquet"):
        db.read_parquet(str(file)).create_view(file.stem)
else:
    db = duckdb.connect(export, read_only=True)
    db.execute("USE chartmogul")  # The schema with the tables.

print(db.sql("""
    SELECT month, closing_mrr / 100 AS mrr, -churn / nullif(opening_mrr, 0) AS churn_rate
    FROM mrr_by_month
    ORDER BY month DESC
    LIMIT 6
"""))
print(db.sql("""
    SELECT tag, count(*) AS customers, sum(mrr)::BIGINT AS mrr_cents
    FROM customer_tags
    JOIN customers ON customers.uuid = customer_tags.customer_uuid
    GROUP BY tag
    ORDER BY tag
"""))
