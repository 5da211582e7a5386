"""Which parts a classification shows: by what its classifier offers."""

from __future__ import annotations

from typing import Any

import pytest

from crmlab.scheme_views import parts_of
from crmlab.view.tables import Table
from tests.scheme_views.companies import (
    Crossed,
    Cut,
    Keen,
    Loyal,
    Own,
    Sales,
    Unsure,
    segmentation,
)


def _titles(parts: list[Any]) -> list[str]:
    return [part.caption.en if isinstance(part, Table) else part.to_dict()["title"]["text"] for part in parts]


@pytest.mark.parametrize(
    ("classifier", "starts"),
    [
        (Own(), ["Mean spend of a year", "Own classes: the classes shown do not clearly differ"]),
        (Loyal(), ["20 customers are both “Good” and", "The 10 customers to look at first (Bad"]),
        (Cut(), ["Total spend: half"]),
        (Crossed(), ["Good: 30.8% of customers"]),
        (Sales(), ["Of 40 customers with an outcome"]),
        (Unsure(), ["“Bad” is most frequent, 33.3%"]),
        (Keen(), ["All interests of 60 customers"]),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, list) else "",
)
def test_other_peoples_classifiers_show_what_they_offer(lab: Any, classifier: Any, starts: list[str]) -> None:
    titles = _titles(parts_of(segmentation(lab, classifier)))
    assert len(titles) == len(starts)
    for title, start in zip(titles, starts, strict=True):
        assert title.startswith(start)


def test_a_number_cut_for_loyalty_stands_against_value_as_well(lab: Any) -> None:
    class Both(Cut):
        scheme = Loyal.scheme

    first, second = _titles(parts_of(segmentation(lab, Both())))
    assert first.startswith("Total spend: half")
    assert "“High value”" in second


def test_stages_and_scores_have_their_own(lab: Any) -> None:
    assert len(parts_of(lab.classify("rfm"))) == 2
    assert len(parts_of(lab.classify("lifecycle"))) == 2
