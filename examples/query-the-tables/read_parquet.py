"""Reads a Parquet file of `npm run query` with pandas and polars.

usage: python read_parquet.py FILE
"""

import sys

import pandas as pd
import polars as pl

if len(sys.argv) != 2:
    raise SystemExit(__doc__)
file = sys.argv[1]

print("pandas:", *pd.read_parquet(file).dtypes.to_string().splitlines(), sep="\n  ")

frame = pl.read_parquet(file)
print("polars:", *(f"{name}  {dtype}" for name, dtype in frame.schema.items()), sep="\n  ")

# Nested columns stay nested: attributes is a struct, and its tags are a list.
tags = (
    frame.select("mrr", tag=pl.col("attributes").struct.field("tags"))
    .explode("tag")
    .drop_nulls("tag")
    .group_by("tag")
    .agg(customers=pl.len(), mrr_cents=pl.col("mrr").sum())
    .sort("tag")
)
print(tags)
