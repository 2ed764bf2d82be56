import marimo

__generated_with = "0.25.2"
app = marimo.App(app_title="Revenue")


@app.cell
def _():
    import altair as alt
    import marimo as mo
    from connection import connect

    client = connect()

    def ask(sql):
        """Returns the rows of a query as a polars data frame."""
        return client.query_df_arrow(sql, dataframe_library="polars")

    return alt, ask, mo


@app.cell
def _(mo):
    mo.md("""
    # Revenue

    Three charts of the views in ClickHouse. Change a query, and its chart changes with it.
    """)
    return


@app.cell
def _(alt, ask):
    mrr = ask("SELECT month, closing_mrr / 100 AS mrr FROM mrr_by_month ORDER BY month")
    mrr_chart = (
        alt.Chart(mrr, title="MRR at the end of each month", width="container")
        .mark_area(line=True, opacity=0.3)
        .encode(alt.X("month:T", title=None), alt.Y("mrr:Q", title="MRR"), tooltip=["month:T", "mrr:Q"])
    )
    mrr_chart
    return (mrr,)


@app.cell
def _(alt, ask):
    movements = ask("""
        SELECT month, movement.1 AS type, movement.2 / 100 AS mrr
        FROM mrr_by_month
        ARRAY JOIN [
          ('new business', new_business), ('expansion', expansion), ('reactivation', reactivation),
          ('contraction', contraction), ('churn', churn)
        ] AS movement
        ORDER BY month
    """)
    kinds = ["new business", "expansion", "reactivation", "contraction", "churn"]
    colours = ["#1b7837", "#5aae61", "#a6dba0", "#fdb863", "#d73027"]
    movements_chart = (
        alt.Chart(movements, title="What changed MRR", width="container")
        .mark_bar()
        .encode(
            alt.X("yearmonth(month):T", title=None),
            alt.Y("mrr:Q", title="movement"),
            alt.Color("type:N", title=None, scale=alt.Scale(domain=kinds, range=colours)),
            tooltip=["yearmonth(month):T", "type", "mrr"],
        )
    )
    movements_chart
    return (movements,)


@app.cell
def _(alt, ask):
    countries = ask("""
        SELECT ifNull(country, 'unknown') AS country, count() AS customers, sum(mrr) / 100 AS total
        FROM customers
        WHERE mrr > 0
        GROUP BY country
        ORDER BY total DESC, country
        LIMIT 10
    """)
    countries_chart = (
        alt.Chart(countries, title="The ten countries with the highest MRR", width="container")
        .mark_bar()
        .encode(
            alt.X("total:Q", title="MRR"),
            alt.Y("country:N", sort="-x", title=None),
            tooltip=["country", "customers", "total"],
        )
    )
    countries_chart
    return (countries,)


if __name__ == "__main__":
    app.run()
