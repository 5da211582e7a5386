"""When customers buy, in the study's time zone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from crmlab.errors import ParamsError
from crmlab.lab import Lab
from crmlab.profiles.rhythm import Rhythm
from crmlab.view.findings import Note

MakeLab = Callable[..., Lab]
OPEN: dict[str, Any] = {
    "classifiers": {"status": {"method": "fixed_days"}},
    "privacy": {"smallest_group": 1},
}


def _orders(n: int = 12) -> dict[str, str]:
    """Return active customers who buy on Saturday evening, lost ones on Monday morning."""
    rows = [f"a{i},2024-06-08T19:30:00+08:00,5" for i in range(n)]  # a Saturday
    rows += [f"l{i},2022-06-06T09:00:00+08:00,5" for i in range(n)]  # a Monday
    rows += [f"a{i},2024-06-09,5" for i in range(3)]  # a date without a time
    return {"orders": "customer_id,ordered_at,amount\n" + "\n".join(rows) + "\n"}


def test_blocks_by_hand(make_lab: MakeLab) -> None:
    rhythm = Rhythm(make_lab(_orders(), **OPEN).classify("status"))
    assert rhythm.everybody.rows() == [("0 9", 0.5), ("5 18", 0.5)]
    rows = rhythm.summary.filter(pl.col("share") > 0).sort("label", "trait")
    assert rows.select("label", "trait", "customers", "share", "index").rows() == [
        ("active", "5 18", 12, 1.0, 200.0),
        ("lost", "0 9", 12, 1.0, 200.0),
    ]
    assert rhythm.best("active") == ("周六 18–21 点", "Sat 18–21 h")
    assert rhythm.best("dormant") is None


def test_days_and_hours_are_local(make_lab: MakeLab) -> None:
    """19:30 in Shanghai on Saturday is 7:30 in New York."""
    lab = make_lab(_orders(), timezone="America/New_York", **OPEN)
    assert Rhythm(lab.classify("status")).everybody["trait"].to_list() == ["5 6", "6 21"]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_it_is_shown(make_lab: MakeLab, check_chart: Callable[..., None], language: str) -> None:
    rhythm = Rhythm(make_lab(_orders(), language=language, **OPEN).classify("status"))
    for label in (None, "active", "lost"):
        check_chart(rhythm.chart(label), language, without=("a0", "l1"))
    assert "50.0%" in rhythm.chart().to_dict()["title"]["text"]
    assert "200" in rhythm.chart("active").to_dict()["title"]["text"]
    assert isinstance(rhythm.chart("dormant"), Note)
    with pytest.raises(ParamsError, match=r"no class 'actve'\. Did you mean 'active'"):
        rhythm.chart("actve")


def test_orders_without_times_have_no_rhythm(make_lab: MakeLab, shop: dict[str, str]) -> None:
    rhythm = Rhythm(make_lab(shop, **OPEN).classify("status"))
    assert isinstance(rhythm.chart(), Note)
    assert rhythm.summary.is_empty()
    assert rhythm.best("active") is None


def test_few_customers_are_not_shown(make_lab: MakeLab) -> None:
    rhythm = Rhythm(make_lab(_orders(4), classifiers=OPEN["classifiers"]).classify("status"))
    assert isinstance(rhythm.chart("active"), Note)
    assert isinstance(rhythm.chart(), Note)


def test_hours_without_orders_keep_their_place(make_lab: MakeLab) -> None:
    """Nobody buys from noon to 18: the axis shows the gap, or the evening would follow the morning."""
    rhythm = Rhythm(make_lab(_orders(), language="en", **OPEN).classify("status"))
    for label in (None, "active"):
        for layer in rhythm.chart(label).to_dict()["layer"]:
            hours = ["18–21"] if label else ["9–12", "12–15", "15–18", "18–21"]
            assert layer["encoding"]["y"]["scale"]["domain"][-len(hours) :] == hours
            assert len(layer["encoding"]["x"]["scale"]["domain"]) == 7


def test_blocks_of_few_customers_are_not_shown(make_lab: MakeLab) -> None:
    tables = _orders()
    tables["orders"] += "a0,2024-06-05T12:00:00+08:00,5\na1,2024-06-06T12:00:00+08:00,5\n"
    rhythm = Rhythm(make_lab(tables, classifiers=OPEN["classifiers"]).classify("status"))
    (data,) = rhythm.chart().to_dict()["datasets"].values()
    shown = {(row["day"], row["hour"]): row["text"] for row in data}
    assert shown["周三", "12–15"] == shown["周四", "12–15"] == "–"
