"""Who referred whom, known by the day, and unknown where nobody says."""

from __future__ import annotations

from datetime import date
from typing import Any

import narwhals as nw
import polars as pl

from crmlab.summary import day_number
from crmlab_plugins.features.referrals import Referrals

TODAY = date(2024, 6, 30)
CUSTOMERS = pl.LazyFrame(
    {
        "customer_id": ["a", "b", "c", "d", "e"],
        "referrer_id": [None, "a", "a", "d", "a"],
        "day": [None, 0, None, 0, day_number(TODAY) + 1],
    },
    schema_overrides={"day": pl.Int64},
)
ORDERS = pl.LazyFrame(
    {
        "customer_id": ["b", "b", "c", "e"],
        "day": [day_number(TODAY), 0, day_number(TODAY) + 1, 0],
        "amount_hundredths": [1000, -250, 9900, 7700],
    }
)


def _built(**tables: pl.LazyFrame) -> dict[str, tuple[Any, ...]]:
    frames = {name: nw.from_native(table) for name, table in tables.items()}
    rows = Referrals().build(frames, TODAY).to_native().collect().rows()
    return {row[0]: row[1:] for row in rows}


def test_referrals_known_by_the_day_count_with_what_they_spent() -> None:
    built = _built(customers=CUSTOMERS, orders=ORDERS)
    assert built == {"a": (2, 7.5), "b": (0, 0.0), "c": (0, 0.0), "d": (0, 0.0)}


def test_what_the_study_lacks_is_unknown() -> None:
    assert _built(customers=CUSTOMERS)["a"] == (2, None)
    assert _built(customers=CUSTOMERS.drop("referrer_id"), orders=ORDERS)["a"] == (None, None)
    assert _built(orders=ORDERS) == {"b": (None, None), "e": (None, None)}


def test_nobody_of_later_is_listed_where_there_are_no_referrers() -> None:
    assert "e" not in _built(customers=CUSTOMERS.drop("referrer_id"))
    assert "c" not in _built(orders=ORDERS)
