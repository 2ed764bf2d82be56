"""Computes MRR by month with pandas, and compares it with the view mrr_by_month."""

from connection import account_time_zone, connect
from pandas.testing import assert_frame_equal

MOVEMENTS = ["new_business", "expansion", "contraction", "churn", "reactivation"]

client = connect()
movements = client.query_df("SELECT date, type, mrr_movement FROM mrr_movements WHERE date IS NOT NULL")
view = client.query_df("SELECT * FROM mrr_by_month ORDER BY month").set_index("month")

# A month begins at midnight in the time zone of the account, not in UTC.
local = movements["date"].dt.tz_convert(account_time_zone(client)).dt.tz_localize(None)
movements["month"] = local.dt.to_period("M").dt.start_time

computed = (
    movements.pivot_table(index="month", columns="type", values="mrr_movement", aggfunc="sum")
    .rename(columns={"new_biz": "new_business"})
    # Adds the months and types without movements, which the view also contains.
    .reindex(index=view.index, columns=MOVEMENTS, fill_value=0)
    .fillna(0)
    .astype("int64")
)
computed["closing_mrr"] = computed.sum(axis="columns").cumsum()

assert_frame_equal(computed, view[computed.columns], check_names=False)
print(computed.tail(12).to_string())
print(f"\n{len(computed)} months equal the view mrr_by_month, to the cent.")
