"""Snapshots: what was known on a day, beside what came in the window after it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.churn.snapshots import (
    Design,
    adjustable,
    features_on,
    first_order_day,
    outcomes,
    snapshots,
    until,
)
from crmlab.errors import MissingFeaturesError, ParamsError
from crmlab.lab import Lab
from crmlab.summary import day_number

DAY = date(2024, 3, 31)


def _orders(*rows: tuple[str, int, int]) -> pl.LazyFrame:
    """Rows of customer, days after DAY, amount in hundredths."""
    return pl.LazyFrame(
        {
            "order_id": [str(place) for place in range(len(rows))],
            "customer_id": [who for who, _, _ in rows],
            "day": [day_number(DAY) + day for _, day, _ in rows],
            "amount_hundredths": [amount for _, _, amount in rows],
        }
    )


def test_the_window_begins_after_the_lead_and_ends_with_its_last_day() -> None:
    orders = _orders(
        ("first", -1, 100), ("first", 11, 100),  # the first day of the window
        ("last", -1, 100), ("last", 40, 100),  # the last one
        ("lead", -1, 100), ("lead", 10, 100),  # within the lead: no answer to the question
        ("late", 0, 100), ("late", 41, 100),
        ("refund", -5, 100), ("refund", 20, -100), ("refund", 21, 0),
    )  # fmt: skip
    found = outcomes(orders, DAY, Design(window_days=30, lead_days=10))
    assert dict(found.iter_rows()) == {
        "first": False, "last": False, "late": True, "lead": True, "refund": True
    }  # fmt: skip


def test_only_who_bought_lately_and_by_then_is_at_risk() -> None:
    orders = _orders(("gone", -101, 100), ("kept", -100, 100), ("new", 1, 100), ("free", -1, 0))
    assert outcomes(orders, DAY, Design(active_days=100))["customer_id"].to_list() == ["kept"]


@given(
    window=st.integers(1, 120), lead=st.integers(0, 60), count=st.integers(1, 8), history=st.integers(0, 900)
)
def test_windows_never_overlap_and_end_by_the_day(window: int, lead: int, count: int, history: int) -> None:
    design = Design(window, lead, count)
    first = DAY - timedelta(days=history)
    days = design.days(first, DAY)
    assert days == sorted(days)
    assert len(days) <= count
    ends = [day + timedelta(days=design.reach) for day in days]
    assert all(end <= later for end, later in zip(ends, [*days[1:], DAY], strict=False))
    assert all((day - first).days >= window for day in days)


def test_nothing_after_an_observation_day_is_seen_in_its_features() -> None:
    rows = [(f"c{n}", -n * 7 - k * 30, 100 * (n + k + 1)) for n in range(20) for k in range(9)]
    columns = ("order_count", "days_since_last_order", "spend_last_90_days")
    design = Design(window_days=60, observations=3)
    made = snapshots({"orders": _orders(*rows)}, columns, DAY, design)
    assert len(made.days) == 3
    for day in made.days:
        cut = [row for row in rows if DAY + timedelta(days=row[1]) <= day]
        expected = features_on({"orders": _orders(*cut)}, columns, day)
        told = made.on(day).rows.select("customer_id", *columns)
        assert told.equals(expected.join(told, on="customer_id", how="semi", maintain_order="left"))
    assert made.summary["customers"].sum() == made.rows.height
    assert made.ended_by(made.days[1]).days == made.days[:1]
    assert made.ended_by(made.days[1] - timedelta(days=1)).rows.is_empty()


def test_features_are_those_of_the_lab(make_lab: Callable[..., Lab], shop: dict[str, str]) -> None:
    lab = make_lab(shop)
    columns = ("order_count", "total_spend", "city")
    day = date(2024, 6, 1)
    ours = features_on(lab.tables_of(day), columns, day)
    theirs = lab.features(*columns, as_of=day)
    assert ours.join(theirs, on="customer_id", how="semi").height == theirs.height
    assert ours.filter(pl.col("order_count") > 0).equals(theirs.filter(pl.col("order_count") > 0))


def test_a_column_that_nothing_makes_is_named(make_lab: Callable[..., Lab], shop: dict[str, str]) -> None:
    lab = make_lab(shop)
    with pytest.raises(MissingFeaturesError, match="order_count"):
        features_on(lab.model_tables(), ["order_cout"], lab.study.as_of)
    with pytest.raises(MissingFeaturesError, match="order_lines"):
        features_on({"orders": lab.model_tables()["orders"]}, ["main_category"], lab.study.as_of)


def test_settings_reach_the_features(make_lab: Callable[..., Lab], shop: dict[str, str]) -> None:
    tables, day = make_lab(shop).model_tables(), date(2024, 6, 30)
    short = features_on(tables, ["recent_orders"], day, {"recent-history": {"days": 5}})
    long = features_on(tables, ["recent_orders"], day)
    assert short["recent_orders"].sum() < long["recent_orders"].sum()
    assert adjustable(["recent_orders", "order_count"]) == ["recent_orders"]


def test_short_history_and_no_orders_give_no_rows() -> None:
    orders = _orders(("a", -10, 100), ("b", -3, 100))
    assert snapshots({"orders": orders}, ["order_count"], DAY, Design()).rows.is_empty()
    nothing = orders.filter(pl.col("day") < 0)
    assert first_order_day(nothing) is None
    assert snapshots({"orders": nothing}, ["order_count"], DAY, Design()).days == []


def test_until_keeps_rows_without_a_day() -> None:
    table = pl.LazyFrame(
        {"customer_id": ["a", "b", "c"], "day": [None, day_number(DAY), day_number(DAY) + 1]}
    )
    plain = pl.LazyFrame({"customer_id": ["a"]})
    cut = until({"customers": table, "campaigns": plain}, DAY)
    assert cut["customers"].collect()["customer_id"].to_list() == ["a", "b"]
    assert cut["campaigns"].collect().height == 1


def test_impossible_designs_are_refused() -> None:
    with pytest.raises(ParamsError, match=r"window_days is 0.*active_days is -1"):
        snapshots({"orders": _orders()}, [], DAY, Design(window_days=0, active_days=-1))
