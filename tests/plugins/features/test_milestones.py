"""Milestones of orders, and growth on any day against a definition spelt out."""

from __future__ import annotations

from datetime import date
from typing import Any

import narwhals as nw
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmlab.errors import ParamsError
from crmlab.estimators import Feature
from crmlab.summary import day_number
from crmlab_plugins.features.milestones import OrderGrowth, OrderMilestones

TODAY = date(2024, 6, 30)
AT = day_number(TODAY)
Order = tuple[str, int, int, str]


def _built(feature: Feature, rows: list[Order], *, lines: bool = True) -> dict[str, dict[str, Any]]:
    """Build from rows of customer, days ago, hundredths, category."""
    frame = pl.DataFrame(
        [(f"o{i}", who, AT - ago, amount, category) for i, (who, ago, amount, category) in enumerate(rows)],
        schema={
            "order_id": pl.String,
            "customer_id": pl.String,
            "day": pl.Int64,
            "amount_hundredths": pl.Int64,
            "category": pl.String,
        },
        orient="row",
    )
    tables = {"orders": nw.from_native(frame.drop("category").lazy())}
    if lines and "order_lines" in feature.optional_tables:
        tables["order_lines"] = nw.from_native(frame.select("order_id", "category").lazy())
    built = feature.build(tables, TODAY).to_native().collect()
    assert set(built.columns) == {"customer_id", *feature.produces}
    return {row.pop("customer_id"): row for row in built.to_dicts()}


def test_milestones() -> None:
    days = [95, 60, 60, 40, -3]
    found = _built(OrderMilestones(), [*(("a", ago, 100, "茶") for ago in days), ("a", 99, -100, "茶")])["a"]
    assert [found[f"days_since_order_{place}"] for place in (2, 3, 4, 5)] == [60, 60, 40, None]
    # Periods since day 95: 95–66, 65–36, 35–6 and the running one.
    assert found["active_period_share"] == 2 / 4


def test_a_new_category_is_growth_where_lines_are_known() -> None:
    days = {170: (150, "茶"), 165: (150, "茶"), 75: (100, "茶"), 50: (100, "米")}
    rows = [("a", ago, *bought) for ago, bought in days.items()]
    found = _built(OrderGrowth(), rows)["a"]
    assert (found["growth_state"], found["days_since_first_steady_order"]) == ("category", 75)
    assert found["days_since_growth_changed"] == 50
    without = _built(OrderGrowth(), rows, lines=False)["a"]
    # The first order leaves the last 90 days on day 80 before today; what is left is no growth.
    assert (without["growth_state"], without["days_since_growth_changed"]) == ("steady", 80)


def test_growth_ends_when_nothing_more_is_bought() -> None:
    rows = [("a", 200, 100, "茶"), ("a", 150, 500, "茶"), ("b", 10, 100, "茶")]
    found = _built(OrderGrowth(), rows)
    assert set(found) == {"a"}
    assert found["a"] == {
        "growth_state": "steady",
        "days_since_growth_changed": 60,
        "days_since_first_growth": 150,
        "days_since_first_steady_order": None,
        "growth_days": 90,
    }


@pytest.mark.parametrize("params", [{"days": 0}, {"growth": -0.1}])
def test_parameters_that_cannot_be_are_refused(params: dict[str, Any]) -> None:
    with pytest.raises(ParamsError, match=next(iter(params))):
        _built(OrderGrowth.from_params(params), [("a", 1, 1, "茶")])


def _state(rows: list[tuple[int, int, int]], today: int, days: int, growth: float) -> str | None:
    """Say how purchases (day, hundredths, category) go on one day, by the words of the definition."""
    past = [row for row in rows if row[0] <= today]
    if len({day for day, _, _ in past}) < 2:
        return None
    begun = min(day for day, _, _ in past)
    now = [row for row in past if row[0] > today - days]
    before = [row for row in past if today - 2 * days < row[0] <= today - days]
    for name, more, less in (
        ("spend", sum(row[1] for row in now), sum(row[1] for row in before)),
        ("orders", len(now), len(before)),
    ):
        if more > less and more >= less * (1 + growth):
            return name
    known = {category for day, _, category in past if day == begun}
    for day, _, category in sorted(past):
        if category not in known and day > today - days:
            return "category"
        known.add(category)
    return "steady"


purchases = st.lists(
    st.tuples(st.integers(0, 60), st.integers(1, 9), st.integers(0, 2)), min_size=1, max_size=8
)


@given(st.lists(purchases, min_size=2, max_size=4), st.integers(1, 20), st.sampled_from([0.0, 0.5]))
@settings(max_examples=40, deadline=None)
def test_growth_is_what_its_definition_says_on_every_day(
    people: list[list[tuple[int, int, int]]], days: int, growth: float
) -> None:
    rows = [
        (f"c{who}", ago, amount, str(category))
        for who, bought in enumerate(people)
        for ago, amount, category in bought
    ]
    found = _built(OrderGrowth(days=days, growth=growth), rows)
    for who, bought in enumerate(people):
        history = [(-ago, amount, category) for ago, amount, category in bought]
        states = {day: _state(history, day, days, growth) for day in range(-60, 1)}
        mine = found.get(f"c{who}", dict.fromkeys(OrderGrowth.produces))
        assert mine["growth_state"] == states[0]
        if states[0] is None:
            continue
        steady = {day: state == "steady" for day, state in states.items() if state}
        changed = max((day for day in steady if steady[day] != steady.get(day - 1)), default=None)
        assert mine["days_since_growth_changed"] == -(changed or 0)
        grown = [day for day, is_steady in steady.items() if not is_steady]
        assert mine["days_since_first_growth"] == (-min(grown) if grown else None)
        ordered = [
            day for day, is_steady in steady.items() if is_steady and day in {row[0] for row in history}
        ]
        assert mine["days_since_first_steady_order"] == (-min(ordered) if ordered else None)
