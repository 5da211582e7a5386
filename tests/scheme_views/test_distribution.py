"""Distributions: areas are customers, bars end at cut-points, small groups are in no bar."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.scheme_views.distribution import Distribution, _merged
from crmlab.view.findings import Note
from tests.scheme_views.companies import Cut, segmentation, tables


def _cut(lab: Any, **params: Any) -> Distribution:
    return Distribution(segmentation(lab, Cut(**params)))


@pytest.mark.parametrize("side", ["below", "above"])
def test_bars_end_at_the_lines_whichever_side_equal_values_are_on(lab: Any, side: str) -> None:
    found = _cut(lab, side=side)
    lines = [200, 400] if side == "below" else [210, 410]
    assert found.cuts == lines
    by_label = found.summary.group_by("label").agg(
        pl.col("low").min(), pl.col("high").max(), pl.col("customers").sum()
    )
    rows = {row[0]: row[1:] for row in by_label.iter_rows()}
    assert rows == {
        "bad": (10, lines[0], 20),
        "fair": (lines[0], lines[1], 20),
        "good": (lines[1], 600, 20),
    }


def test_areas_are_customers(lab: Any) -> None:
    found = _cut(lab)
    widths = [found.axis.reach(low, high) for low, high in found.summary.select("low", "high").iter_rows()]
    area = sum(width * height for width, height in zip(widths, found.summary["height"], strict=True))
    assert area / (found.axis.reach(*found.axis.ends) / 24) == pytest.approx(60)


def test_no_bar_tells_of_few_customers(lab: Any) -> None:
    assert _cut(lab).summary["customers"].min() >= 5


def test_classes_too_small_to_be_told_apart_are_drawn_together(lab: Any) -> None:
    found = _cut(lab, told={"bad": 20, "fair": 57, "good": 60})
    assert found.summary["label"].null_count() == found.summary.height
    assert found.summary["customers"].sum() == 60
    said = found.chart().to_dict()["title"]["text"]
    assert said == "Total spend: half of the customers have at most ¥305.00"


def test_a_company_too_small_is_not_drawn(make_lab: Callable[..., Any]) -> None:
    few = _cut(make_lab(tables(4), "segmentation"))
    assert isinstance(few.chart(), Note)


def test_nobody_has_the_number(make_lab: Callable[..., Any]) -> None:
    nobody = {"orders": "order_id,customer_id,ordered_at,amount\n1,c001,2024-08-01,5\n", **_listed()}
    assert _cut(make_lab(nobody, "segmentation")).parts() == []


def _listed() -> dict[str, str]:
    return {"customers": "customer_id\nc001\nc002\n"}


def test_the_title_says_what_is_seen(lab: Any) -> None:
    said = _cut(lab).chart().to_dict()["title"]
    assert said["text"] == (
        "Total spend: half of the customers have at most ¥305.00; 33.3% are beyond the highest cut-point, "
        "¥400.00"
    )
    assert said["subtitle"].startswith("60 customers with the figure, as of 2024-06-30")


def test_the_chart(told: Any, check_chart: Callable[..., None]) -> None:
    found = _cut(told)
    check_chart(found.chart(), told.language, without=("c001", "c060"))
    layers = found.chart().to_dict()["layer"]
    assert sum(layer["mark"]["type"] == "rule" for layer in layers) == 2


@given(
    st.dictionaries(st.tuples(st.integers(0, 11), st.sampled_from("abc")), st.integers(1, 12), max_size=20),
    st.integers(1, 6),
)
def test_bars_are_put_together_until_no_class_is_small(cells: dict[tuple[int, str], int], k: int) -> None:
    bars = _merged(cells, 12, k)
    ends = [0, *(last + 1 for _, last in bars)]
    assert [first for first, _ in bars] == ends[:-1]
    assert ends[-1] in (0, 12)
    for first, last in bars:
        for label in "abc":
            inside = sum(n for (bar, own), n in cells.items() if own == label and first <= bar <= last)
            assert inside == 0 or inside >= k
    small = any(0 < sum(n for (_, own), n in cells.items() if own == label) < k for label in "abc")
    assert bool(bars) == (not small and sum(cells.values()) >= k)
