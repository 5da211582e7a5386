"""Pipelines: who is where, and how much was won of what is decided."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from crmlab.intervals import wilson
from crmlab.scheme_views.pipeline import Pipeline
from crmlab.view.findings import Note
from crmlab.view.numbers import percent
from crmlab.view.texts import texts
from tests.scheme_views.companies import Sales, segmentation, tables

TOLD = {"bad": 10, "fair": 30, "good": 60}


def test_stages_come_in_order_and_the_lost_at_the_end(lab: Any) -> None:
    summary = Pipeline(segmentation(lab, Sales(told=TOLD))).summary
    assert summary.select("label", "customers", "share").rows() == [
        ("fair", 20, 20 / 60),
        ("good", 30, 0.5),
        ("bad", 10, 10 / 60),
    ]
    assert summary.row(1)[3:] == pytest.approx(wilson(30, 60))


def test_what_was_won_is_of_what_is_decided(lab: Any) -> None:
    said = Pipeline(segmentation(lab, Sales(told=TOLD))).chart().to_dict()["title"]
    low, high = wilson(30, 40)
    assert said["text"] == (
        f"Of 40 customers with an outcome 75.0% were won (95% interval {percent(low)}–{percent(high)}). "
        "20 customers are on the way"
    )
    assert "no conversion rates" in said["subtitle"]


def test_stages_too_small_are_one(lab: Any) -> None:
    found = Pipeline(segmentation(lab, Sales(told={"bad": 2, "fair": 30, "good": 60})))
    assert found.summary["label"].to_list() == ["good", "few"]
    said = found.chart().to_dict()["title"]
    assert said["text"] == texts()["privacy_all_few"].en
    assert "Fair, Bad" in said["subtitle"]


def test_nobody_has_a_stage(make_lab: Callable[..., Any]) -> None:
    lab = make_lab(tables(), "segmentation")
    assert isinstance(Pipeline(segmentation(lab, Sales(told={"good": 0}))).chart(), Note)


def test_the_chart(told: Any, check_chart: Callable[..., None]) -> None:
    check_chart(Pipeline(segmentation(told, Sales(told=TOLD))).chart(), told.language, without=("c001",))
