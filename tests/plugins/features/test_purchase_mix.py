"""The top category is where the money went."""

from __future__ import annotations

from datetime import date
from typing import Any

import narwhals as nw
import polars as pl

from crmlab.summary import day_number
from crmlab_plugins.features.purchase_mix import PurchaseMix

TODAY = date(2024, 6, 30)


def _built(lines: list[tuple[str, str | None, int]] | None) -> dict[str, tuple[Any, ...]]:
    orders = pl.LazyFrame(
        {
            "order_id": ["1", "2", "3", "4"],
            "customer_id": ["a", "a", "b", "b"],
            "day": [day_number(TODAY)] * 3 + [day_number(TODAY) + 1],
            "amount_hundredths": [500, 300, -100, 900],
        }
    )
    tables = {"orders": nw.from_native(orders)}
    if lines is not None:
        schema = {"order_id": pl.String, "category": pl.String, "amount_hundredths": pl.Int64}
        tables["order_lines"] = nw.from_native(pl.LazyFrame(lines, schema=schema, orient="row"))
    rows = PurchaseMix().build(tables, TODAY).to_native().collect().rows()
    return {row[0]: row[1:] for row in rows}


def test_money_decides_and_not_the_number_of_lines() -> None:
    lines = [("1", "tea", 400), ("1", "cups", 100), ("2", "cups", 100), ("2", "cups", 100), ("2", None, 900)]
    assert _built(lines) == {"a": ("tea", 400 / 700)}


def test_refunded_and_later_orders_do_not_count_and_ties_go_by_name() -> None:
    lines = [
        ("1", "tea", 100),
        ("2", "cups", 100),
        ("2", "bags", -50),
        ("3", "cups", 100),
        ("4", "cups", 100),
    ]
    assert _built(lines) == {"a": ("cups", 0.5)}


def test_without_lines_or_categories_it_is_unknown() -> None:
    assert _built(None) == {"a": (None, None)}
    assert _built([("1", None, 100)]) == {}
