"""Small tables for the tests of preferences and feedback, and what a feature makes of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from crmlab import sample_tables
from crmlab.estimators import Feature

AS_OF = date(2024, 6, 30)


def at(days_ago: int) -> datetime:
    """Noon in Shanghai, so many days before the as-of day."""
    day = AS_OF - timedelta(days=days_ago)
    return datetime(day.year, day.month, day.day, 4, tzinfo=UTC)


def table(*rows: dict[str, Any], **types: Any) -> pl.DataFrame:
    """Return rows as a table; ``…_at`` are times, counts and amounts whole numbers, all else texts."""
    names = dict.fromkeys(name for row in rows for name in row) | dict.fromkeys(types)
    kinds = {
        "amount_hundredths": pl.Int64,
        "score": pl.Float64,
        "given_on": pl.Date,
        "registered_on": pl.Date,
    }
    schema = {
        name: types.get(
            name, pl.Datetime("us", "UTC") if name.endswith("_at") else kinds.get(name, pl.String)
        )
        for name in names
    }
    return pl.DataFrame([{name: row.get(name) for name in names} for row in rows], schema=schema)


def bought(*baskets: tuple[str, int, list[dict[str, Any]]]) -> dict[str, pl.DataFrame]:
    """Return orders and order lines: customer, days ago, lines (an amount of 1.00 unless it is given)."""
    orders, lines = [], []
    for number, (customer, days_ago, held) in enumerate(baskets):
        order = {"order_id": f"o{number}"}
        orders.append(order | {"customer_id": customer, "ordered_at": at(days_ago), "amount_hundredths": 100})
        lines += [order | {"amount_hundredths": 100} | line for line in held]
    return {"orders": table(*orders), "order_lines": table(*lines)}


def built(feature: Feature, **tables: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """Return customer → columns as the feature builds them."""
    frame = sample_tables.build(feature, tables, AS_OF)
    return {row["customer_id"]: row for row in frame.to_dicts()}
