"""Reads a result as Arrow, and groups it with polars."""

import polars as pl
from connection import connect

client = connect()
table = client.query_arrow("SELECT country, mrr, customer_since FROM customers WHERE mrr > 0")
print(table.schema, end="\n\n")

countries = (
    pl.from_arrow(table)
    .group_by("country")
    .agg(
        customers=pl.len(),
        mrr_cents=pl.col("mrr").sum(),
        first_since=pl.col("customer_since").min(),
    )
    .sort("mrr_cents", "country", descending=[True, False])
)
print(countries)
