"""What the base is worth: the model beside formulas, tested on the past, in both languages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

import crmlab
from crmlab.lab import Lab
from crmlab.summary import day_number
from crmlab.value.meaning import meaning
from crmlab.value.methods import METHODS
from crmlab.value.worth import MODEL, Worth
from crmlab.view.findings import KeyFigures, Note
from crmlab.view.tables import Table

SOURCE = {"source": "sample", "customers": 1000, "seed": 2, "dirt": False}
SETTINGS: dict[str, Any] = {"data": [SOURCE], "as_of": "2024-12-31"}
CLV = {"purchases": "pareto-nbd", "margin": 0.4, "horizon_days": 180}


@pytest.fixture(scope="module")
def lab() -> Lab:
    return crmlab.open("value", language="en", models={"clv": CLV}, **SETTINGS)


@pytest.fixture(scope="module")
def worth(lab: Lab) -> Worth:
    return Worth(lab)


def test_every_method_says_what_it_expects(worth: Worth) -> None:
    summary = worth.summary
    assert worth.missing is None
    assert summary["method"].to_list() == list(METHODS)
    told = summary.drop_nulls("value")
    assert {MODEL, "simple", "cohort"} <= set(told["method"])
    assert (told["low"] < told["value"]).all()
    assert (told["value"] < told["high"]).all()
    # Nobody leaves in the simple formula.
    assert told.filter(method="simple")["value"][0] > told.filter(method=MODEL)["value"][0]


def test_the_total_is_that_of_the_customers(worth: Worth) -> None:
    assert worth.values["clv"].sum() == pytest.approx(worth.total.value)
    assert worth.values.height == worth.total.customers
    groups = worth.distribution()
    assert isinstance(groups, Table)
    assert groups.frame["value"].sum() == pytest.approx(worth.total.value)
    assert groups.frame["customers"].sum() == worth.total.customers
    assert groups.frame["share"].sum() == pytest.approx(1.0)


def test_tested_on_the_past_the_model_is_nearer_than_the_formula(worth: Worth) -> None:
    rows = {row["method"]: row for row in worth.summary.iter_rows(named=True)}
    assert worth.past.days == 180
    assert abs(rows[MODEL]["error"]) < abs(rows["simple"]["error"])
    assert rows[MODEL]["told_low"] < rows[MODEL]["actual"] < rows[MODEL]["told_high"]
    assert rows[MODEL]["actual"] == rows["simple"]["actual"]


def test_what_came_is_counted_by_hand(worth: Worth) -> None:
    orders = worth.lab.tables["orders"]
    start = day_number(worth.past.cutoff)
    paid = orders.filter(pl.col("day") <= start, pl.col("amount_hundredths") > 0)["customer_id"]
    later = orders.filter(
        pl.col("day").is_between(start + 1, start + worth.past.days),
        pl.col("customer_id").is_in(paid.unique().implode()),
    )
    assert worth.past.longest is not None
    assert worth.past.longest["actual"] == pytest.approx(later["amount_hundredths"].sum() / 100)


def test_sentences_name_sample_margin_and_test(worth: Worth) -> None:
    said = worth.explain()
    for text in said:
        assert "40%" in text
        assert "180" in text
        assert f"{worth.total.customers:,}" in text
        assert str(worth.past.cutoff) in text
    assert isinstance(worth.note(), Note)


def test_charts_and_tables(worth: Worth, check_chart: Callable[..., None]) -> None:
    ids = tuple(worth.values["customer_id"].head(5))
    for chart in (worth.chart(), worth.test_chart(), worth.cohort_chart()):
        check_chart(chart, "en", without=ids)
    table, figures = worth.table(), worth.figures()
    assert isinstance(table, Table)
    assert "data-sort" in Table.render(table.payload())
    assert isinstance(figures, KeyFigures)
    assert len(figures.figures) == 5


def test_in_chinese(check_chart: Callable[..., None]) -> None:
    lab = crmlab.open("value", language="zh", models={"clv": CLV}, **SETTINGS)
    check_chart(lab.value.worth.chart(), "zh")
    assert "毛利率" in lab.value.worth.note().plain()
    assert "40%" in meaning(lab).plain()
    assert "随机对照" in meaning(lab).plain()


def test_what_a_value_is_not_is_said(lab: Lab) -> None:
    assert "randomised trial" in meaning(lab).plain()
    revenue = crmlab.open("value", language="en", models={"clv": {**CLV, "margin": 1.0}}, **SETTINGS)
    assert "revenue, not profit" in meaning(revenue).plain()


def test_a_small_shop_is_told_what_is_missing(make_lab: Callable[..., Lab], shop: dict[str, str]) -> None:
    lab = make_lab(shop, "value", language="en")
    worth = Worth(lab)
    assert worth.missing is not None
    for part in (
        worth.figures(),
        worth.chart(),
        worth.test_chart(),
        worth.cohort_chart(),
        worth.distribution(),
        worth.table(),
        worth.note(),
        meaning(lab),
    ):
        assert isinstance(part, Note)
        assert part.plain() == worth.missing.en


def test_without_orders_it_says_so(make_lab: Callable[..., Lab], shop: dict[str, str]) -> None:
    worth = Worth(make_lab({"customers": shop["customers"]}, "value", language="en"))
    assert worth.missing is not None
    assert "orders" in worth.missing.en


def test_no_group_of_few_is_shown(worth: Worth) -> None:
    groups = worth.distribution()
    assert isinstance(groups, Table)
    assert groups.frame["customers"].min() >= worth.lab.study.privacy.smallest_group  # type: ignore[operator]
