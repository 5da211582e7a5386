"""How concentrated the value to come is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

import crmlab
from crmlab.lab import Lab
from crmlab.value.spread import TOP, TOPS, Spread, top_share_interval
from crmlab.view.findings import Note
from crmlab.view.tables import Table

SOURCE = {"source": "sample", "customers": 600, "seed": 11, "dirt": False}


@pytest.fixture(scope="module")
def spread() -> Spread:
    return Spread(crmlab.open("value", data=[SOURCE], as_of="2024-12-31", language="en"))


def test_shares_by_hand(spread: Spread) -> None:
    values = spread.lab.score("clv").scores["clv"].drop_nulls().sort(descending=True)
    row = spread.summary.filter(top=TOP).row(0, named=True)
    k = round(TOP * values.len())
    assert row["customers"] == k
    assert row["future_share"] == pytest.approx(values.head(k).sum() / values.sum())
    assert row["low"] < row["future_share"] < row["high"]
    told = spread.summary.drop_nulls("future_share")["future_share"]
    assert told.is_sorted()
    assert 0.3 < spread.gini < 0.95
    assert spread.gini_interval.low < spread.gini < spread.gini_interval.high


def test_the_interval_of_a_share_holds_what_is_true() -> None:
    rng = np.random.default_rng(3)
    truth = np.sort(rng.lognormal(sigma=1.0, size=400_000))[::-1]
    share = truth[:80_000].sum() / truth.sum()
    inside = 0
    for _ in range(400):
        sample = np.sort(rng.lognormal(sigma=1.0, size=500))[::-1]
        low, high = top_share_interval(sample, 100)
        inside += low <= share <= high
    # 95 % but for the skewness of 500 customers; an interval that is too wide has all 400.
    assert 364 <= inside <= 392


def test_the_share_of_equal_customers_is_sure() -> None:
    assert top_share_interval(np.full(100, 7.0), 20) == pytest.approx((0.2, 0.2))


def test_few_customers_are_hidden(spread: Spread) -> None:
    smallest = spread.lab.study.privacy.smallest_group
    hidden = spread.summary.filter(pl.col("future_share").is_null())
    assert spread.summary["top"].to_list() == list(TOPS)
    assert (hidden["customers"] < smallest).all()
    apart = spread.curve.filter(measure="future")["customer_share"].diff().drop_nulls()
    assert apart.min() * spread.customers.height >= smallest - 1e-6  # type: ignore[operator]


def test_chart_table_and_sentences(spread: Spread, check_chart: Callable[..., None]) -> None:
    check_chart(spread.chart(), "en", without=tuple(spread.customers["customer_id"].head(5)), most_rows=210)
    assert isinstance(spread.table(), Table)
    for text in spread.explain():
        assert f"{spread.gini:.2f}" in text


def test_in_chinese(check_chart: Callable[..., None]) -> None:
    lab = crmlab.open("value", data=[SOURCE], as_of="2024-12-31", language="zh")
    check_chart(lab.value.spread.chart(), "zh", most_rows=210)


def test_a_small_shop_is_told_what_is_missing(make_lab: Callable[..., Lab], shop: dict[str, str]) -> None:
    spread = Spread(make_lab(shop, "value", language="en"))
    for part in (spread.chart(), spread.table(), spread.note()):
        assert isinstance(part, Note)
