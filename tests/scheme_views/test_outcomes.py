"""Outcomes of classes: means and shares by hand, what is clear and what is not, small groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from crmlab.labels import Label, Scheme
from crmlab.scheme_views.outcomes import ClassOutcomes
from crmlab.view.findings import Note
from tests.scheme_views.companies import Own, segmentation, tables


def test_counted_by_hand(lab: Any) -> None:
    summary = ClassOutcomes(segmentation(lab, Own())).summary
    assert summary.select("label", "customers", "spend").rows() == [
        ("good", 20, 505.0),
        ("fair", 20, 305.0),
        ("bad", 20, 105.0),
    ]
    # Of 1 to 20 the six multiples of 3 ordered 200 days ago.
    bad = summary.row(2, named=True)
    assert bad["lapsed"] == 6 / 20
    assert bad["lapsed_low"] < 0.3 < bad["lapsed_high"]
    # Twenty amounts ten apart: their deviation is 59.16, Student's t with 19 degrees of freedom 2.093.
    assert bad["spend_high"] - 105 == pytest.approx(2.093 * 59.161 / 20**0.5, rel=1e-3)


def test_titles_say_what_is_beyond_chance(lab: Any) -> None:
    spend, lapse = (part.to_dict() for part in ClassOutcomes(segmentation(lab, Own())).parts())
    assert spend["title"]["text"] == (
        "Mean spend of a year is highest for “Good”, ¥505.00, and lowest for “Bad”, ¥105.00"
    )
    assert lapse["title"]["text"].endswith("do not clearly differ in the share lapsed")
    assert "60 customers who ever bought" in lapse["title"]["subtitle"]


def test_classes_below_the_smallest_group_are_told_together(lab: Any) -> None:
    found = ClassOutcomes(segmentation(lab, Own(told={"bad": 3, "fair": 30, "good": 60})))
    assert found.summary["label"].to_list() == ["good", "few"]
    assert found.summary["customers"].to_list() == [30, 30]
    assert "Fair, Bad" in found.parts()[0].to_dict()["title"]["subtitle"]


def test_a_share_that_tells_of_few_is_hidden_with_another(make_lab: Callable[..., Any]) -> None:
    """Every tenth lapsed: two of each class."""
    found = ClassOutcomes(segmentation(make_lab(tables(late=10), "segmentation", language="en"), Own()))
    assert found.summary["lapsed"].null_count() == 3
    assert len(found.parts()) == 1
    some = ClassOutcomes(
        segmentation(
            make_lab(tables(200, late=10), "segmentation", language="en"),
            Own(told={"bad": 20, "fair": 60, "good": 200}),
        )
    )
    assert some.summary.drop_nulls("lapsed").select("label", "lapsed").rows() == [("good", 0.1)]
    assert len(some.parts()) == 1
    assert "Not shown: 2 more classes" in some.lapse_chart().to_dict()["title"]["subtitle"]


class Many(Own):
    """Twenty classes of six customers, one of them larger."""

    scheme: ClassVar[Scheme] = Scheme(
        "many", "多类", "Many", tuple(Label(f"l{n:02d}", f"第 {n} 类", f"Class {n}") for n in range(1, 21))
    )


def test_of_many_classes_the_smaller_are_one(make_lab: Callable[..., Any]) -> None:
    lab = make_lab(tables(130), "segmentation", language="en")
    limits = {f"l{n:02d}": 6 * n for n in range(1, 20)} | {"l20": 130}
    found = ClassOutcomes(segmentation(lab, Many(told=limits)))
    assert found.summary.height == 12
    assert found.summary["label"][0] == "l20"
    assert found.summary.row(-1)[:2] == ("others", 54)


def test_everybody_too_few(make_lab: Callable[..., Any]) -> None:
    parts = ClassOutcomes(segmentation(make_lab(tables(3), "segmentation"), Own())).parts()
    assert [type(part) for part in parts] == [Note]


def test_nobody_has_a_class(lab: Any) -> None:
    assert ClassOutcomes(segmentation(lab, Own(told={"good": 0}))).parts() == []


def test_the_charts(told: Any, check_chart: Callable[..., None]) -> None:
    for part in ClassOutcomes(segmentation(told, Own())).parts():
        check_chart(part, told.language, without=("c001",))
