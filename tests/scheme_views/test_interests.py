"""Interests: everybody's, of whom the label tells one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from crmlab.intervals import wilson
from crmlab.scheme_views.interests import Interests
from crmlab.view.findings import Note
from tests.scheme_views.companies import Keen, segmentation, tables


def test_counted_by_hand_and_few_are_left_out(lab: Any) -> None:
    summary = Interests(segmentation(lab, Keen())).summary
    assert summary["interest"].to_list() == ["茶", "米"]
    tea, rice = summary.iter_rows(named=True)
    assert (tea["customers"], tea["share"], tea["index"], tea["stated"]) == (60, 1.0, 300.0, 0.25)
    assert (rice["customers"], rice["share"], rice["p10"], rice["p90"]) == (6, 0.1, 150.0, 150.0)
    assert (rice["low"], rice["high"]) == pytest.approx(wilson(6, 60))
    assert rice["probability"] == pytest.approx(0.6)


def test_the_table(told: Any) -> None:
    shown = Interests(segmentation(told, Keen())).table().payload()
    # 60 for tea, 6 for rice and 4 for jazz, over 60 customers.
    assert "1.2" in shown["caption"]
    assert "2024-06-30" in shown["caption"]
    assert [row[:2] for row in shown["rows"]] == [["茶", 60], ["米", 6]]


def test_nothing_shared_by_enough(make_lab: Callable[..., Any]) -> None:
    found = Interests(segmentation(make_lab(tables(4), "segmentation"), Keen()))
    assert isinstance(found.table(), Note)
