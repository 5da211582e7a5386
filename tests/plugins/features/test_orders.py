"""The feature plugins give what crmlab.summary computes, and nothing later than the day."""

from __future__ import annotations

from datetime import date
from typing import Any

import narwhals as nw
import polars as pl

from crmlab.estimators import Feature
from crmlab.summary import day_number
from crmlab_plugins.features.orders import OrderGaps, OrderSummary

TODAY = date(2024, 6, 30)
ROWS = [
    ("a", date(2024, 6, 1), 10005),
    ("a", date(2024, 6, 11), 801),
    ("a", date(2024, 6, 14), -500),
    ("b", date(2024, 1, 1), 2000),
    ("b", date(2024, 7, 1), 99999),
]


def _built(feature: Feature, as_of: date = TODAY, rows: list[Any] = ROWS) -> dict[str, dict[str, Any]]:
    orders = pl.LazyFrame(
        [(who, day_number(day), amount) for who, day, amount in rows],
        schema={"customer_id": pl.String, "day": pl.Int64, "amount_hundredths": pl.Int64},
        orient="row",
    )
    frame = feature.build({"orders": nw.from_native(orders)}, as_of).to_native().collect()
    assert frame.columns == ["customer_id", *feature.produces]
    return {row.pop("customer_id"): row for row in frame.to_dicts()}


def test_summary_counts_paid_orders_and_nets_refunds() -> None:
    assert _built(OrderSummary()) == {
        "a": {
            "order_count": 2,
            "refund_count": 1,
            "total_spend": 103.06,
            "days_since_last_order": 19,
            "days_since_first_order": 29,
            "average_order_value": 51.53,
            "average_days_between_orders": 10.0,
        },
        "b": {
            "order_count": 1,
            "refund_count": 0,
            "total_spend": 20.0,
            "days_since_last_order": 181,
            "days_since_first_order": 181,
            "average_order_value": 20.0,
            "average_days_between_orders": None,
        },
    }


def test_gaps_are_whole_days_between_paid_days() -> None:
    found = _built(OrderGaps())
    assert found["a"] == {"order_gap_count": 1, "own_gap_days": 10, "population_gap_days": 10}
    assert found["b"] == {"order_gap_count": 0, "own_gap_days": None, "population_gap_days": 10}


def test_orders_after_the_day_change_nothing() -> None:
    later = [*ROWS, ("a", date(2024, 7, 1), 5000), ("c", date(2024, 8, 1), 700)]
    for feature in (OrderSummary(), OrderGaps()):
        assert _built(feature, rows=later) == _built(feature)


def test_the_percentile_is_a_parameter() -> None:
    days = [date(2024, 1, day) for day in (1, 2, 4, 8, 16)]
    rows = [("a", day, 100) for day in days]
    assert _built(OrderGaps(percent=50), rows=rows)["a"]["own_gap_days"] == 2
    assert _built(OrderGaps(percent=100), rows=rows)["a"]["own_gap_days"] == 8
