"""Periods end where they say, refunds are no orders, and nothing later counts."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import narwhals as nw
import polars as pl
import pytest

from crmlab.summary import day_number
from crmlab_plugins.features.periods import OrderPeriods

TODAY = date(2024, 6, 30)


def _built(*rows: tuple[str, int, int]) -> dict[str, dict[str, Any]]:
    """Build from customer, days before today, and hundredths."""
    orders = pl.LazyFrame(
        [(who, day_number(TODAY - timedelta(days=ago)), amount) for who, ago, amount in rows],
        schema={"customer_id": pl.String, "day": pl.Int64, "amount_hundredths": pl.Int64},
        orient="row",
    )
    frame = OrderPeriods().build({"orders": nw.from_native(orders)}, TODAY).to_native().collect()
    assert frame.columns == ["customer_id", *OrderPeriods.produces]
    return {row.pop("customer_id"): row for row in frame.to_dicts()}


@pytest.mark.parametrize(
    ("ago", "periods"),
    [
        (0, {"last_90_days", "last_180_days", "last_365_days"}),
        (89, {"last_90_days", "last_180_days", "last_365_days"}),
        (90, {"previous_90_days", "last_180_days", "last_365_days"}),
        (179, {"previous_90_days", "last_180_days", "last_365_days"}),
        (180, {"previous_180_days", "last_365_days"}),
        (359, {"previous_180_days", "last_365_days"}),
        (364, {"last_365_days"}),
        (365, set()),
    ],
)
def test_where_periods_begin_and_end(ago: int, periods: set[str]) -> None:
    row = _built(("a", ago, 1999))["a"]
    spent = {name.removeprefix("spend_") for name, value in row.items() if "_days" in name and value == 19.99}
    counted = {name.removeprefix("orders_") for name in row if name.startswith("orders_") and row[name] == 1}
    assert spent == counted == periods


def test_refunds_lower_spend_on_their_day_and_are_no_orders() -> None:
    row = _built(("a", 200, 10005), ("a", 10, 801), ("a", 5, -500), ("a", 4, 0), ("a", -1, 99900))["a"]
    assert row["spend_last_90_days"] == 3.01
    assert row["orders_last_90_days"] == 1
    assert row["spend_last_365_days"] == 103.06
    assert row["spend_growth"] == pytest.approx(3.01 - 100.05)
    assert row["purchase_days"] == 2


def test_pace_leaves_the_first_purchase_out_and_counts_days() -> None:
    found = _built(
        ("a", 60, 100), ("a", 60, 100), ("a", 31, 100), ("a", 29, 100), ("b", 0, 100), ("c", 9, -100)
    )
    assert found["a"]["purchase_days"] == 3
    assert found["a"]["active_months"] == 3
    assert found["a"]["purchases_per_month"] == 1.0
    assert (found["b"]["purchase_days"], found["b"]["purchases_per_month"]) == (1, None)
    assert (found["c"]["purchase_days"], found["c"]["active_months"], found["c"]["spend_last_90_days"]) == (
        0,
        0,
        -1,
    )
