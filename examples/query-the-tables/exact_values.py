"""Shows how integers, decimals and times arrive in pandas: exact, and with their time zone."""

from connection import account_time_zone, connect

client = connect()
customers = client.query_df("""
    SELECT
      name,
      mrr AS mrr_cents,
      toDecimal64(mrr, 2) / 100 AS amount,
      customer_since,
      9007199254740993 AS beyond_float64
    FROM customers
    ORDER BY mrr_cents DESC, uuid
    LIMIT 5
""")

# Whole numbers are int64, or Int64 with nulls, and never float64.
print(customers.dtypes.to_string(), end="\n\n")
assert (customers["beyond_float64"] == 9007199254740993).all()

# Decimals are Python's `Decimal`: their sum has no rounding error.
total = customers["amount"].sum()
assert total * 100 == int(customers["mrr_cents"].sum())

# Times have a time zone, so you can convert them to the time zone of the account.
customers["customer_since"] = customers["customer_since"].dt.tz_convert(account_time_zone(client))
print(customers.drop(columns="beyond_float64").to_string(index=False))
print(f"\nThe five largest customers pay {total} a month.")
