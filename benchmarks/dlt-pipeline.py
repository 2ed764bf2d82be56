"""Copies the lists of a ChartMogul account to a DuckDB file, as dltHub's page on ChartMogul does.

usage: python dlt-pipeline.py load|count LISTS_JSON DUCKDB_FILE [BASE_URL]

`count` prints the number of rows in each table as JSON.
"""

import json
import sys

action, lists, file, *address = sys.argv[1:]
lists = json.loads(lists)

if action == "count":
    import duckdb

    db = duckdb.connect(file, read_only=True)
    names = [each["stream"] for each in lists]
    rows = {name: db.sql(f"SELECT count() FROM account.{name}").fetchall()[0][0] for name in names}
    print(json.dumps(rows))
    raise SystemExit(0)

import dlt
from dlt.sources.rest_api import rest_api_source


def storable(customer):
    """Converts custom attributes that exceed 64 bits to text, because dlt fails on such integers."""
    custom = customer.get("attributes", {}).get("custom", {})
    for name, value in custom.items():
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            custom[name] = str(value)
    return customer


def resource(each):
    is_paged = each["stream"] != "data_sources"
    return {
        "name": each["stream"],
        "primary_key": each["key"],
        "processing_steps": [{"map": storable}] if each["stream"] == "customers" else [],
        "endpoint": {
            "path": each["stream"],
            "data_selector": each["listKey"],
            "params": {**each.get("query", {}), "per_page": 200} if is_paged else {},
            **({} if is_paged else {"paginator": "single_page"}),
        },
    }


source = rest_api_source(
    {
        "client": {
            "base_url": address[0] + "/",
            "auth": {"type": "http_basic", "username": "bench", "password": ""},
            "paginator": {
                "type": "cursor",
                "cursor_path": "cursor",
                "cursor_param": "cursor",
                "has_more_path": "has_more",
            },
        },
        "resources": [resource(each) for each in lists],
    }
)
pipeline = dlt.pipeline(
    pipeline_name="chartmogul",
    destination=dlt.destinations.duckdb(file),
    dataset_name="account",
)
pipeline.run(source)
timings = {
    str(step.step): round((step.finished_at - step.started_at).total_seconds(), 2)
    for step in pipeline.last_trace.steps
    if step.finished_at is not None
}
print(json.dumps(timings))
