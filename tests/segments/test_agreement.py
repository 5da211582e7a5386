"""Agreement: two classifications of the same customers, counted by hand."""

from __future__ import annotations

from collections.abc import Callable
from math import isnan

import pytest

from crmlab.lab import Lab
from crmlab.labels import Text
from crmlab.segments.agreement import Agreement


@pytest.fixture
def lab(make_lab: Callable[..., Lab]) -> Lab:
    """Forty customers, one order each: amounts of 1 to 40, ever longer ago; and six without an order."""
    orders = ["order_id,customer_id,ordered_at,amount"]
    orders += [f"{n},c{n:02d},2024-{6 - (n - 1) // 8:02d}-{28 - (n - 1) % 8:02d},{n}" for n in range(1, 41)]
    customers = ["customer_id", *(f"c{n:02d}" for n in range(1, 47))]
    tables = {"orders": "\n".join(orders) + "\n", "customers": "\n".join(customers) + "\n"}
    return make_lab(tables, "segmentation", language="en")


def _status(lab: Lab, dormant: int, lost: int) -> Agreement:
    other = lab.classify("status", dormant_after_days=dormant, lost_after_days=lost)
    return Agreement(lab.classify("status"), other)


def test_the_same_says_the_same(lab: Lab) -> None:
    found = _status(lab, 90, 180)
    assert found.both.height == 40
    assert found.same is not None
    assert found.same.value == 1
    assert found.ari == 1
    assert found.v.value == pytest.approx(1)
    assert found.table().payload()["rows"] == []


def test_who_disagrees(lab: Lab) -> None:
    """The usual limit is 90 days: 24 active, 16 dormant. At 60 days 16 are active."""
    found = _status(lab, 60, 180)
    assert found.comparable
    assert found.same is not None
    assert found.same.value == 32 / 40
    rows = found.summary.filter(first="active").select("second", "customers", "share").rows()
    assert rows == [("active", 16, 16 / 24), ("dormant", 8, 8 / 24)]
    shown = found.table().payload()
    assert [row[:3] for row in shown["rows"]] == [["Active", "Dormant", 8]]
    assert "80.0%" in shown["caption"]


def test_the_two_may_be_named(lab: Lab) -> None:
    names = (Text("手工等级", "Manual grade"), Text("推算等级", "Derived grade"))
    found = Agreement(lab.classify("status"), lab.classify("status", dormant_after_days=60), names)
    assert "“Manual grade” and “Derived grade”" in found.table().payload()["caption"]
    assert [column["title"] for column in found.table().payload()["columns"]][:2] == [
        "Manual grade",
        "Derived grade",
    ]


def test_other_classes_are_compared_as_groups(lab: Lab) -> None:
    found = Agreement(lab.classify("status"), lab.classify("abc"))
    assert not found.comparable
    assert found.same is None
    assert 0 < found.v.low < found.v.value < found.v.high <= 1
    assert (found.pairs.height, found.both.height) == (46, 40)
    assert len(found.table().payload()["rows"]) == found.summary["customers"].count() > 0


def test_small_pairs_are_hidden_and_cannot_be_computed(lab: Lab) -> None:
    """At 97 days four dormant customers are active: the rest of their row and column would tell."""
    found = _status(lab, 97, 180)
    assert (found.pairs["first"] != found.pairs["second"]).sum() == 4
    for line in ({"first": "dormant"}, {"second": "active"}):
        assert found.summary.filter(**line)["customers"].null_count() >= 2
    assert "not shown" in found.table().payload()["note"]
    texts = found.chart().to_dict()["datasets"]
    assert any(row["text"] == "–" for rows in texts.values() for row in rows)


def test_one_class_has_no_agreement(lab: Lab) -> None:
    found = _status(lab, 1000, 2000)
    assert isnan(found.v.value)
    assert isnan(found.ari)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_chart(
    make_lab: Callable[..., Lab], habits: dict[str, str], check_chart: Callable[..., None], language: str
) -> None:
    lab = make_lab(habits, "segmentation", language=language)
    found = Agreement(lab.classify("abc"), lab.classify("rfm"))
    check_chart(found.chart(), language, without=("c000",))
