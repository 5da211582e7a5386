from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl

from crmlab.data.days import with_days


def test_each_time_has_its_local_day_beside_it() -> None:
    late = datetime(2024, 1, 1, 20, tzinfo=UTC)
    table = pl.LazyFrame({"complaint_id": ["a"], "opened_at": [late], "resolved_at": [None]}).cast(
        {"opened_at": pl.Datetime("us", "UTC"), "resolved_at": pl.Datetime("us", "UTC")}
    )
    made = with_days("complaints", table, "Asia/Shanghai").collect()
    assert made.columns == ["complaint_id", "opened_at", "resolved_at", "resolved_day", "day"]
    assert made["day"].to_list() == [(date(2024, 1, 2) - date(1970, 1, 1)).days]
    assert made["resolved_day"].to_list() == [None]
    assert with_days("complaints", table, "UTC").collect()["day"][0] == made["day"][0] - 1


def test_dates_and_given_days_stay_what_they_are() -> None:
    feedback = pl.LazyFrame({"given_on": [date(1970, 1, 11), None]})
    assert with_days("feedback", feedback, "Asia/Shanghai").collect()["day"].to_list() == [10, None]
    orders = pl.LazyFrame({"ordered_at": [datetime(1970, 1, 5, tzinfo=UTC)], "day": [99]})
    assert with_days("orders", orders, "Asia/Shanghai").collect()["day"].to_list() == [99]
    lines = pl.LazyFrame({"order_id": ["1"]})
    assert with_days("order_lines", lines, "Asia/Shanghai").collect().columns == ["order_id"]
