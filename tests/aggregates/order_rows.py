"""Orders for tests of aggregates: drawn by hypothesis, or many from a seed; and plain Python's answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from itertools import pairwise
from math import sqrt
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
from hypothesis import strategies as st

from crmlab.aggregates.layout import Layout
from crmlab.summary import day_number

AS_OF = date(2024, 6, 30)
TODAY = day_number(AS_OF)
SCHEMA = {
    "customer_id": pl.String,
    "day": pl.Int64,
    "amount_hundredths": pl.Int64,
    "channel": pl.String,
    "category": pl.String,
}
LAYOUT = Layout(channels=("门店", "web"), categories=("茶", "米", "Tea"), windows=(30, 90), counted=2)
Row = tuple[str, int, int, str | None, str | None]

ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "王", "d"]),
        st.integers(TODAY - 120, TODAY + 3),
        st.sampled_from([0, 1, -1, 801, 10_005, -801, 2**51]),
        st.sampled_from(["门店", "web", "app", None]),
        st.sampled_from(["茶", "米", "Tea", "tea", None]),
    ),
    max_size=40,
)


def frame(rows: Sequence[Row]) -> pl.DataFrame:
    """Return the rows as orders."""
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def lazy(rows: Sequence[Row]) -> nw.LazyFrame[Any]:
    """Return the rows as a lazy frame of polars."""
    return nw.from_native(frame(rows).lazy())


def collected(table: nw.LazyFrame[Any], *by: str) -> pl.DataFrame:
    """Return a lazy frame of any engine in polars, sorted."""
    found: pl.DataFrame = table.collect(backend="polars").to_native()
    return found.sort(*(by or ("customer_id",)), nulls_last=True)


def many(customers: int, orders: int, seed: int = 1) -> pl.DataFrame:
    """Return orders of two years, some of them refunds, in no order."""
    draws = np.random.default_rng(seed)
    amount = draws.integers(1, 50_000, orders) * np.where(draws.random(orders) < 0.03, -1, 1)
    return pl.DataFrame(
        {
            "customer_id": pl.Series([f"C{number:06}" for number in draws.integers(0, customers, orders)]),
            "day": TODAY - draws.integers(0, 720, orders),
            "amount_hundredths": amount,
            "channel": pl.Series(["门店", "web", "app"]).gather(draws.integers(0, 3, orders)),
            "category": pl.Series(["茶", "米", "Tea"]).gather(draws.integers(0, 3, orders)),
        }
    )


def features_by_hand(rows: Sequence[Row], layout: Layout, today: int = TODAY) -> list[dict[str, Any]]:
    """Compute the features with Python's exact numbers."""
    mine: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row[1] <= today:
            mine[row[0]].append(row)
    return [_features(who, mine[who], layout, today) for who in sorted(mine)]


def _features(who: str, rows: list[Row], layout: Layout, today: int) -> dict[str, Any]:
    paid = [row for row in rows if row[2] > 0]
    days = sorted({row[1] for row in paid})
    gaps = [later - before for before, later in pairwise(days)]
    amounts = [row[2] for row in paid]
    spend, n = Fraction(sum(row[2] for row in rows), 100), len(paid)
    found: dict[str, Any] = {
        "customer_id": who,
        "order_count": n,
        "refund_count": sum(row[2] < 0 for row in rows),
        "total_spend": float(spend),
        "largest_order": max(amounts) / 100 if paid else None,
        "smallest_order": min(amounts) / 100 if paid else None,
        "first_order_day": days[0] if days else None,
        "last_order_day": days[-1] if days else None,
        "days_since_first_order": today - days[0] if days else None,
        "days_since_last_order": today - days[-1] if days else None,
        "average_order_value": float(spend / n) if n else None,
        "average_days_between_orders": float(Fraction(days[-1] - days[0], n - 1)) if n > 1 else None,
        "category_count": len({row[4] for row in paid} & set(layout.categories)),
    }
    for place, channel in enumerate(layout.channels, 1):
        found[f"channel_{place}_orders"] = sum(row[3] == channel for row in paid)
    for place, category in enumerate(layout.categories[: layout.counted], 1):
        found[f"category_{place}_orders"] = sum(row[4] == category for row in paid)
    for window in layout.windows:
        recent = sum(row[2] for row in rows if row[1] > today - window)
        found[f"spend_last_{window}_days"] = float(Fraction(recent, 100))
    spread = len(gaps) * sum(gap * gap for gap in gaps) - sum(gaps) ** 2
    found["purchase_days"] = len(days)
    found["average_days_between_purchases"] = float(Fraction(sum(gaps), len(gaps))) if gaps else None
    found["deviation_of_days_between_purchases"] = (
        sqrt(spread / (len(gaps) * (len(gaps) - 1))) if len(gaps) > 1 else None
    )
    found["longest_days_between_purchases"] = max(gaps) if gaps else None
    return found
