"""Who moved, and why."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from crmlab.errors import ParamsError
from crmlab.lab import Lab
from crmlab.movement import Movement
from crmlab.movement.movers import MOST_MOVES, Movers
from crmlab.view.findings import Note
from tests.movement.histories import EARLIER, FIXED, OPEN, many

MakeLab = Callable[..., Lab]


def _movement(lab: Lab, name: str = "status") -> Movement:
    return Movement(lab.classify(name, as_of=EARLIER), lab.classify(name))


def test_the_input_that_moved_by_hand(make_lab: MakeLab, shop: dict[str, str]) -> None:
    movers = Movers(_movement(make_lab(shop, **OPEN)))
    # Bob, active on 31 March (30 days after his order), is dormant on 30 June (121 days).
    assert movers.summary.select("before", "after", "customers", "share", "driver", "then", "now").rows() == [
        ("active", "dormant", 1, 1.0, "days_since_last_order", 30.0, 121.0)
    ]
    assert movers.summary["shift"][0] > 0
    (reason,) = movers.reasons()
    assert reason is not None
    assert reason.zh.endswith("：30 → 121")
    assert reason.en.endswith(": 30 → 121")
    assert movers.customers.select("customer_id", "before", "after", "total_spend").rows() == [
        ("bob", "active", "dormant", 50.0)
    ]


def test_moves_are_those_of_the_matrix(make_lab: MakeLab) -> None:
    movement = _movement(make_lab(many(), **OPEN), "rfm")
    summary = Movers(movement).summary
    off = movement.matrix.filter(
        pl.col("before").is_in(movement.after.scheme.ids), pl.col("before") != pl.col("after")
    )
    columns = ["before", "after", "customers"]
    assert sorted(summary.select(columns).rows()) == sorted(off.select(columns).rows())
    assert summary["customers"].is_sorted(descending=True)
    assert summary["driver"].is_in(movement.after.classifier.requires).all()


@pytest.mark.parametrize("direction", ["down", "up", "any"])
def test_directions_follow_the_order_of_the_scheme(make_lab: MakeLab, direction: Any) -> None:
    movement = _movement(make_lab(many(), **OPEN), "rfm")
    listed = Movers(movement, direction, rows=99).customers
    places = {name: place for place, name in enumerate(movement.after.scheme.ids)}
    steps = [places[after] - places[before] for before, after in listed.select("before", "after").iter_rows()]
    allowed = {"down": {1}, "up": {-1}, "any": {1, -1}}[direction]
    assert {1 if step > 0 else -1 for step in steps} == allowed
    assert 0 not in steps
    assert listed["total_spend"].is_sorted(descending=True)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_they_are_shown_under_codes(make_lab: MakeLab, shop: dict[str, str], language: str) -> None:
    movers = _movement(make_lab(shop, language=language, **OPEN)).movers()
    assert movers.table().payload()["rows"][0][2] == 1
    listed = movers.customers_table().payload()
    assert listed["rows"][0][0] == movers._lab.shown_ids(pl.Series(["bob"]))[0]
    assert "bob" not in json.dumps([listed, movers.table().payload()])
    assert "30" in listed["rows"][0][4]
    assert "121" in listed["rows"][0][5]
    plain = {**FIXED, "privacy": {"smallest_group": 1, "ids": "plain"}}
    shown = Movers(_movement(make_lab(shop, language=language, **plain))).customers_table()
    assert [row[0] for row in shown.payload()["rows"]] == ["bob"]


def test_small_moves_are_not_listed(make_lab: MakeLab) -> None:
    movement = _movement(make_lab(many(), language="en", **FIXED))
    hidden = movement.matrix.filter(pl.col("customers").is_null()).select("before", "after").rows()
    assert hidden
    movers = Movers(movement, "any", rows=99)
    assert not set(hidden) & set(movers.summary.select("before", "after").rows())
    assert not set(hidden) & set(movers.customers.select("before", "after").rows())
    assert "fewer than 5" in movers.table().payload()["note"]


def test_the_table_holds_the_largest(make_lab: MakeLab) -> None:
    movers = Movers(_movement(make_lab(many(200), language="en", **OPEN), "rfm"))
    assert movers.summary.height > MOST_MOVES
    table = movers.table().payload()
    assert len(table["rows"]) == MOST_MOVES
    assert table["note"].startswith(f"The {MOST_MOVES} largest of {movers.summary.height} moves.")


def test_nobody_moved(make_lab: MakeLab) -> None:
    lab = make_lab({"orders": "customer_id,ordered_at,amount\na,2024-06-30,5\n"}, **OPEN)
    movers = Movers(_movement(lab))
    assert isinstance(movers.table(), Note)
    assert isinstance(movers.customers_table(), Note)
    with pytest.raises(ParamsError, match="down, up or any"):
        Movers(_movement(lab), "sideways")  # type: ignore[arg-type]


def test_what_changes_for_everybody_is_no_reason(make_lab: MakeLab, shop: dict[str, str]) -> None:
    movers = Movers(_movement(make_lab(shop, **OPEN)))
    vars(movers)["_inputs"] = ["age", "gap", "channel"]
    moved = pl.DataFrame(
        {
            "age": [5, 5],
            "age_now": [9, 9],
            "age_shift": [0.3, 0.3],
            "gap": [1, 3],
            "gap_now": [7, 9],
            "gap_shift": [0.2, 0.2],
            "channel": ["a", "b"],
            "channel_now": ["a", "c"],
            "channel_shift": [0.0, 1.0],
        }
    )
    stayed = moved.with_columns(gap_shift=pl.lit(0.0))
    # age 0.3 + 0, channel (0.5 + 0) / 2, gap 0.2 + 0.2
    assert movers._driver(moved, stayed) == ("gap", 2.0, 8.0, pytest.approx(0.2))
    # without anybody who stayed: age 0.6, gap 0.4, channel 0.5
    assert movers._driver(moved, stayed.clear()) == ("age", 5.0, 9.0, pytest.approx(0.3))


def test_classes_without_an_order_have_no_worse_one(make_lab: MakeLab) -> None:
    lab = make_lab(_baskets(), language="en", **OPEN)
    movement = _movement(lab, "category-style")
    assert not movement.ranked
    movers = movement.movers()
    assert movers.direction == "any"
    assert movers.customers.height > 0
    assert "whose class changed from 2024-03-31 to 2024-06-30" in str(movers.customers_table().caption)
    with pytest.raises(ParamsError, match="no class of 'category-style' is better than others"):
        movement.movers("down")
    assert not any("have left it" in text.en for text in movement.alerts(best_left=0).texts)


def _baskets() -> dict[str, str]:
    """Return customers who bought one product again and again until April, and only others since."""
    orders, lines = ["order_id,customer_id,ordered_at,amount"], ["order_id,product_id,category,amount"]
    for i in range(20):
        days = ["2024-01-05", "2024-02-05", "2024-03-05"] + ["2024-05-05"] * 8
        for at, day in enumerate(days):
            orders.append(f"{i}-{at},c{i:02},{day},10")
            lines.append(f"{i}-{at},{'p' if at < 3 else f'q{at}'},{'tea' if at < 3 else f'k{at}'},10")
    return {"orders": "\n".join(orders) + "\n", "order_lines": "\n".join(lines) + "\n"}
