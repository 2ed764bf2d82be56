"""Connects to ClickHouse with the settings that `npm run services -- up` prints."""

import os
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError


def connect() -> Client:
    """Returns a client for the database with the views."""
    url = urlsplit(os.environ.get("CLICKHOUSE_URL", "http://127.0.0.1:8123"))
    try:
        return clickhouse_connect.get_client(
            interface=url.scheme,
            host=url.hostname,
            port=url.port or (443 if url.scheme == "https" else 80),
            username=os.environ.get("CLICKHOUSE_USERNAME", "default"),
            password=os.environ.get("CLICKHOUSE_PASSWORD", ""),
            database=os.environ.get("CLICKHOUSE_DATABASE", "chartmogul"),
            # Without this, times in UTC lose their time zone in pandas.
            tz_mode="aware",
        )
    except ClickHouseError as error:
        raise SystemExit(
            f"Cannot query ClickHouse at {url.hostname}:{url.port}: set CLICKHOUSE_URL, CLICKHOUSE_USERNAME,\n"
            f"CLICKHOUSE_PASSWORD and CLICKHOUSE_DATABASE. `npm run services -- up` prints them.\n{error}"
        ) from None


def account_time_zone(client: Client) -> str:
    """Returns the time zone of the ChartMogul account, in which its months begin."""
    return client.query("SELECT time_zone FROM account").first_row[0] or "UTC"
