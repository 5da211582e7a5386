"""Matrices: two axes of one scheme, and a scheme against value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from crmlab.scheme_views.matrix import TwoAxes, ValueMatrix
from tests.scheme_views.companies import Crossed, Loyal, Own, segmentation, tables


def test_classes_are_laid_out_by_their_axes(lab: Any) -> None:
    summary = TwoAxes(segmentation(lab, Crossed())).summary
    assert summary.select("label", "row", "column", "customers").rows() == [
        ("good", 0, 0, 20),
        ("fair", 0, 1, 20),
        ("bad", 1, 0, 20),
    ]
    # 10 · (41 + … + 60) of 10 · (1 + … + 60)
    assert summary["revenue_share"][0] == pytest.approx(10100 / 18300)


def test_small_classes_are_not_written(lab: Any) -> None:
    found = TwoAxes(segmentation(lab, Crossed(told={"bad": 3, "fair": 40, "good": 60})))
    assert found.summary["customers"].to_list() == [None, 37, None]
    texts = {row["text"] for rows in found.chart().to_dict()["datasets"].values() for row in rows}
    assert texts == {"37 · 44%", "–"}


def test_against_value_counted_by_hand(make_lab: Callable[..., Any]) -> None:
    """Those from 28 on spend at most 80 % of all, those from 15 on at most 95 %, the rest is low."""
    lab = make_lab(tables(), "segmentation", privacy={"smallest_group": 1})
    found = ValueMatrix(segmentation(lab, Loyal(told={"bad": 30, "fair": 45, "good": 60})))
    assert found.summary.select("label", "tier", "customers").rows() == [
        ("good", "high", 15),
        ("fair", "high", 15),
        ("bad", "high", 3),
        ("bad", "mid", 13),
        ("bad", "low", 14),
    ]
    bad = found.summary.row(2, named=True)
    assert bad["share"] == 3 / 30
    # 10 · (28 + 29 + 30) of 10 · (1 + … + 60)
    assert bad["revenue_share"] == pytest.approx(870 / 18300)


def test_the_title_speaks_of_the_class_to_watch(lab: Any) -> None:
    found = ValueMatrix(segmentation(lab, Loyal(told={"good": 20, "fair": 40, "bad": 60})))
    assert found.chart().to_dict()["title"]["text"] == (
        "20 customers of “Bad” are “High value” as well: 100.0% of the class, 55.2% of revenue"
    )
    plain = ValueMatrix(segmentation(lab, Own(told={"good": 20, "fair": 40, "bad": 60})))
    assert plain.chart().to_dict()["title"]["text"].startswith("20 customers are both “Bad” and “High value”")


def test_small_cells_are_hidden(lab: Any) -> None:
    found = ValueMatrix(segmentation(lab, Loyal(told={"bad": 16, "fair": 40, "good": 60})))
    bad = found.summary.filter(label="bad")
    assert bad.height == bad["customers"].null_count() == bad["revenue_share"].null_count() > 1
    assert "fewer than 5" in found.chart().to_dict()["title"]["subtitle"]


def test_without_orders_there_is_no_value(make_lab: Callable[..., Any]) -> None:
    lab = make_lab({"customers": tables()["customers"]}, "segmentation")

    class Listed(Loyal):
        requires = ()

    assert ValueMatrix(segmentation(lab, Listed())).parts() == []


@pytest.mark.parametrize("view", [TwoAxes, ValueMatrix])
def test_the_charts(told: Any, check_chart: Callable[..., None], view: Any) -> None:
    own = Crossed() if view is TwoAxes else Loyal()
    check_chart(view(segmentation(told, own)).chart(), told.language, without=("c001",))
