"""Key figures: the numbers of a report, with intervals where they are estimates, in both languages."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

import crmlab
from crmlab.figures import Figure, figures
from crmlab.intervals import wilson
from crmlab.lab import Lab

MakeLab = Callable[..., Lab]
Shop = dict[str, str]
OPEN: dict[str, Any] = {"privacy": {"smallest_group": 1}}


def by_id(found: list[Figure]) -> dict[str, Figure]:
    """Return figures by id, and check what holds of each."""
    for figure in found:
        told = json.loads(json.dumps(figure.as_json(), allow_nan=False))
        assert re.search("[\u3400-\u9fff]", told["zh"] + told["definition"]["zh"])
        assert not re.search("[\u3400-\u9fff]", told["definition"]["en"])
        assert not {"{", "}"} & set(told["zh"] + told["en"])
        assert (told["low"] is None) == (told["high"] is None)
        if told["low"] is not None:
            assert told["low"] <= told["value"] <= told["high"]
    named = {figure.id: figure for figure in found}
    assert len(named) == len(found)
    return named


def test_orders_are_told_as_counted_and_classes_as_estimated(make_lab: MakeLab, shop: Shop) -> None:
    lab = make_lab(shop, "segmentation", **OPEN)
    lab.classify("abc")
    lab.classify("status")
    found = by_id(figures(lab))
    assert list(found)[:4] == ["customers", "revenue", "few", "gini"]
    assert (found["customers"].estimate.value, found["revenue"].estimate.value) == (4, 183.06)
    assert found["customers"].as_json()["low"] is None
    active = found["class:status:active"]
    share = lab.classify("status").summary.row(0, named=True)
    assert active.estimate.value == share["customer_share"]
    assert tuple(active.estimate[1:]) == wilson(share["customers"], lab.classify("status").labels.height)
    assert [name for name, figure in found.items() if figure.key and name.startswith("class")] == [
        "class:abc:a"
    ]


def test_a_class_of_few_is_named_without_its_size(make_lab: MakeLab, shop: Shop) -> None:
    lab = make_lab(shop, "segmentation", privacy={"smallest_group": 3})
    lab.classify("abc")
    hidden = [figure for figure in figures(lab) if figure.id.startswith("class:abc:")]
    assert [figure.as_json()["value"] for figure in hidden][:2] == [None, None]


def test_ratings_lead_the_feedback(make_lab: MakeLab) -> None:
    rows = "".join(f"物流很快，质量很好{i},{5 if i < 30 else 1},csat_1_5\n" for i in range(40))
    found = by_id(figures(make_lab({"feedback": f"text,score,scale\n{rows}"}, "feedback")))
    assert list(found) == ["rating:csat_1_5", "sentiment.positive", "sentiment.negative"]
    assert found["rating:csat_1_5"].estimate.value == 0.75
    assert tuple(found["rating:csat_1_5"].estimate[1:]) == wilson(30, 40)


@pytest.fixture(scope="module")
def company() -> dict[str, Any]:
    """The settings of a study on a small generated company."""
    return {
        "data": [{"source": "sample", "customers": 150}],
        "as_of": "2024-12-31",
        "timezone": "Asia/Shanghai",
        "complaints": {"resolution_hours": {"*": 45}},
    }


def test_complaints_are_counted_and_their_rates_estimated(company: dict[str, Any]) -> None:
    found = by_id(figures(crmlab.open("complaints", **company)))
    assert {"complaints", "complaints.rate", "complaints.hours", "complaints.open"} <= {*found}
    assert found["complaints"].as_json()["low"] is None
    assert found["complaints.rate"].as_json()["low"] is not None
    assert found["complaints.promise.resolution"].unit == "share"


def test_value_and_life_of_customers_are_told_with_their_intervals(company: dict[str, Any]) -> None:
    lab = crmlab.open("value", **company)
    found = by_id(figures(lab))
    worth = found["worth"]
    assert worth.estimate.value == lab.value.worth.total.value
    assert worth.n == lab.value.worth.total.customers
    assert found["worth.mean"].estimate.value * worth.n == pytest.approx(worth.estimate.value)
    assert [figure.id for figure in found.values() if not figure.sampled] == ["slipping"]
    assert found["slipping"].as_json()["sampled"] is False
    lab.score("clv")
    again = by_id(figures(lab))
    assert "score:clv:clv" not in again  # the mean that worth.mean tells, with the interval of its errors
    assert "score:clv:probability_alive" in again
    lab.report = "lifecycle"
    told = by_id([figure for figure in figures(lab) if not figure.id.startswith("score")])
    assert told["again"].estimate == lab.retention.second_purchase.by(90)
    assert told["again"].n == lab.retention.second_purchase.curves["all"].customers


def test_scores_have_the_mean_with_its_interval(company: dict[str, Any]) -> None:
    lab = crmlab.open("own", **company)
    scores = lab.score("clv")
    found = by_id(figures(lab))
    values = scores.scores["clv"].drop_nulls()
    told = found["score:clv:clv"]
    assert (told.estimate.value, told.n) == (pytest.approx(values.mean()), values.len())
    spread = 1.959964 * float(values.std()) / values.len() ** 0.5  # type: ignore[arg-type]
    assert told.estimate.high - told.estimate.value == pytest.approx(spread, rel=1e-6)
    assert not told.key
    ends = [name for name in scores.scores.columns if name.endswith(("_low", "_high"))]
    assert ends  # intervals of single customers have no mean
    assert not [name for name in found if name.endswith(("_low", "_high"))]


@pytest.mark.parametrize(
    "report", ["segmentation", "value", "lifecycle", "feedback", "complaints", "data-quality", "own"]
)
def test_without_the_data_there_are_no_figures(make_lab: MakeLab, report: str) -> None:
    lab = make_lab({"customers": "customer_id,city\na,北京\n"}, report)
    assert all(figure.id.startswith("quality") for figure in figures(lab))
