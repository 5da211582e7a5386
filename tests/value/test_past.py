"""What the model would have said on earlier days: without a glance ahead, and honest about its errors."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import crmlab
from crmlab.lab import Lab
from crmlab.summary import day_number
from crmlab.value.past import MOST, Past, looks
from crmlab.value.worth import Worth
from crmlab.view.findings import Note
from crmlab.view.tables import Table

CLV = {"horizon_days": 366, "annual_discount": 0.0}


def _lab(day: str, seed: int = 1, customers: int = 1000, **clv: Any) -> Lab:
    source = {"source": "sample", "customers": customers, "seed": seed, "dirt": False}
    return crmlab.open("value", data=[source], as_of=day, language="en", models={"clv": {**CLV, **clv}})


@pytest.fixture(scope="module")
def worth() -> Worth:
    return Worth(_lab("2023-12-31"))


def test_looks_by_hand() -> None:
    assert looks(364, 365) == [(182, 182), (121, 121), (181, 121), (242, 121)]
    assert looks(1100, 365) == [(365, 365), (547, 365), (730, 365)]
    assert looks(60, 365) == [(30, 30)]
    assert looks(55, 365) == []


@given(st.integers(0, 4000), st.integers(1, 1500))
def test_no_look_reaches_past_the_day_nor_further_than_the_history_behind_it(
    history: int, horizon: int
) -> None:
    found = looks(history, horizon)
    assert len(found) <= MOST + 1
    assert len(set(found)) == len(found)
    for back, days in found:
        assert days <= min(back, horizon)
        assert history - back >= days


def test_a_look_is_what_a_study_of_that_day_says(worth: Worth) -> None:
    """A study that ends on the cutoff knows nothing later, so no row can have known it either."""
    row = worth.past.summary.row(1, named=True)
    then = _lab(str(row["cutoff"]), horizon_days=row["days"]).model("clv")
    features = _lab(str(row["cutoff"])).features(*then.requires)
    told = then.total(features)  # type: ignore[attr-defined]
    assert (row["told"], row["told_low"], row["told_high"]) == pytest.approx(told[:3], rel=1e-6)
    assert row["customers"] == told.customers


def test_what_came_ends_with_the_look(worth: Worth) -> None:
    row = worth.past.summary.filter(pl.col("cutoff") == date(2023, 7, 3)).row(0, named=True)
    start = day_number(row["cutoff"])
    orders = worth.lab.tables["orders"]
    known = orders.filter(pl.col("day") <= start, pl.col("amount_hundredths") > 0)["customer_id"].unique()
    came = orders.filter(
        pl.col("day") > start, pl.col("day") <= start + 121, pl.col("customer_id").is_in(known.implode())
    )
    assert row["actual"] == pytest.approx(came["amount_hundredths"].sum() / 100)
    assert row["error"] == pytest.approx(row["told"] / row["actual"] - 1)


def _past(rows: list[tuple[float, float, float, float]], lab: Lab) -> Past:
    """Return looks with given ``told``, ``told_low``, ``told_high`` and ``actual``."""
    past = Past(lab, 365)
    names = ["told", "told_low", "told_high", "actual"]
    past.summary = pl.DataFrame(rows, schema=names, orient="row")  # type: ignore[misc]
    return past


def test_errors_by_hand(worth: Worth) -> None:
    total = worth.told
    half = np.exp(1.96 * 0.03)
    past = _past([(130.0, 130 / half, 130 * half, 100.0), (80.0, 80 / half, 80 * half, 100.0)], worth.lab)
    excess = (np.log(1.3) ** 2 + np.log(0.8) ** 2) / 2 - 0.03**2
    assert past.deviation == pytest.approx(np.sqrt(excess), rel=1e-3)
    wide = past.widened(total)
    up = np.sqrt(np.log(total.high / total.value) ** 2 + (1.96 * past.deviation) ** 2)
    assert wide.high == pytest.approx(total.value * np.exp(up), rel=1e-4)
    assert wide.value == total.value
    assert wide.low < total.low


def test_errors_within_the_intervals_add_nothing(worth: Worth) -> None:
    past = _past([(102.0, 90.0, 115.0, 100.0), (97.0, 85.0, 110.0, 100.0)], worth.lab)
    assert past.deviation == 0
    assert past.widened(worth.told) == worth.told


def test_the_year_after_lies_in_the_stated_interval_and_not_in_that_of_parameters_and_chance() -> None:
    """The company slows down after its first year in a way that one year of orders cannot tell."""
    narrow = stated = 0
    for seed in (1, 2, 3):
        worth = Worth(_lab("2023-12-31", seed))
        later = _lab("2024-12-31", seed).tables["orders"]
        known = worth.past.orders(worth.lab.study.as_of).select("customer_id").unique()
        start = day_number(worth.lab.study.as_of)
        came = later.filter(pl.col("day") > start).join(known, on="customer_id", how="semi")
        actual = came["amount_hundredths"].sum() / 100
        assert worth.total.low <= worth.told.low <= worth.told.high <= worth.total.high
        narrow += worth.told.low <= actual <= worth.told.high
        stated += worth.total.low <= actual <= worth.total.high
    # At 95 % each, one of 3 or none has a chance of 1 %.
    assert stated >= 2
    assert narrow < stated


def test_both_intervals_are_stated(worth: Worth) -> None:
    said = worth.explain()
    assert worth.total.low < worth.told.low
    for text, words in ((said.en, ("4 earlier days", "182 days ahead")), (said.zh, ("4 个日子", "182 天"))):
        assert all(word in text for word in words), text
    table = worth.tests()
    assert isinstance(table, Table)
    assert table.frame.height == 4


def test_too_short_a_history_is_said() -> None:
    worth = Worth(_lab("2023-02-20", customers=3000))
    assert worth.missing is None
    assert worth.past.summary.is_empty()
    assert worth.total == worth.told
    assert "too short" in worth.explain().en
    assert "不知道" in worth.explain().zh
    assert isinstance(worth.tests(), Note)
    assert isinstance(worth.test_chart(), Note)


def test_a_day_with_few_repeat_buyers_does_not_count(make_lab: Callable[..., Lab]) -> None:
    start = date(2023, 1, 1)
    rows = [f"a{c},c{c},{start + timedelta(days=c % 3)},10" for c in range(60)]
    rows += [f"b{c},c{c},{start + timedelta(days=200 + c)},{10 + c % 7}" for c in range(60)]
    lab = make_lab(
        {"orders": "order_id,customer_id,ordered_at,amount\n" + "\n".join(rows)}, "value", as_of="2023-12-31"
    )
    past = Past(lab, 365)
    assert past.history == 364
    assert past.summary["cutoff"].to_list() == []
