"""Confidence per class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from crmlab.scheme_views.confidence import ConfidenceView
from crmlab.view.findings import Note
from tests.scheme_views.companies import Unsure, segmentation, tables

TOLD = {"bad": 10, "fair": 30, "good": 60}


def test_counted_by_hand(lab: Any) -> None:
    summary = ConfidenceView(segmentation(lab, Unsure(told=TOLD))).summary
    assert summary.select("label", "customers", "share", "confidence", "sure").rows() == [
        ("good", 30, 0.5, 0.75, 0.5),
        ("fair", 20, 20 / 60, 0.75, 0.5),
        ("bad", 10, 10 / 60, 0.75, 0.5),
    ]
    low, high = summary.row(0, named=True)["low"], summary.row(0, named=True)["high"]
    # Of 0.5 and 1, fifteen each, the deviation is 0.2543.
    assert (high - low) / 2 == pytest.approx(1.96 * 0.2543 / 30**0.5, rel=1e-3)


def test_a_share_that_tells_of_few_is_null(lab: Any) -> None:
    summary = ConfidenceView(segmentation(lab, Unsure(told={"bad": 8, "fair": 30, "good": 60}))).summary
    assert summary.filter(label="bad")["sure"].to_list() == [None]
    assert summary.filter(label="bad")["confidence"].to_list() == [0.75]


def test_small_classes_are_together(lab: Any) -> None:
    summary = ConfidenceView(segmentation(lab, Unsure(told={"bad": 3, "fair": 30, "good": 60}))).summary
    assert summary.select("label", "customers").rows() == [("good", 30), ("few", 30)]


def test_one_class_is_not_said_to_be_the_largest(lab: Any) -> None:
    title = ConfidenceView(segmentation(lab, Unsure(told={"good": 60}))).chart().to_dict()["title"]["text"]
    assert "75" in str(title)
    assert "100" not in str(title)


def test_too_few(make_lab: Callable[..., Any]) -> None:
    found = ConfidenceView(segmentation(make_lab(tables(3), "segmentation"), Unsure()))
    assert isinstance(found.chart(), Note)


def test_the_chart_says_what_confidence_means(told: Any, check_chart: Callable[..., None]) -> None:
    found = segmentation(told, Unsure(told=TOLD))
    chart = ConfidenceView(found).chart()
    check_chart(chart, told.language, without=("c001",))
    assert found.classifier.sureness.to(told.language) in chart.to_dict()["title"]["subtitle"]
