"""The sentences at the top, in both languages, with figures checked by hand."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from crmlab.intervals import wilson
from crmlab.lab import Lab

MakeLab = Callable[..., Lab]
Shop = dict[str, str]
FIXED: dict[str, Any] = {"classifiers": {"status": {"method": "fixed_days"}}}
OPEN: dict[str, Any] = {**FIXED, "privacy": {"smallest_group": 1}}
FEEDBACK = {
    "feedback": "text,score,scale\n"
    + "".join(f"物流很快，质量很好，非常满意{i},5,csat_1_5\n" for i in range(45))
    + "".join(f"质量太差，客服态度恶劣，很失望{i},1,csat_1_5\n" for i in range(45))
}


def _said(lab: Lab) -> dict[str, str]:
    """Return the sentences by their ids, and check that both languages tell the same numbers."""
    found = lab._findings
    for finding in found:
        zh, en = finding.text
        assert re.search("[\u3400-\u9fff]", zh)
        assert not re.search("[\u3400-\u9fff]", en.split("dissatisfaction:")[0])
        assert not {"{", "}"} & set(zh + en)
        assert "nan" not in (zh + en).lower().replace("finance", "")
        shares = re.compile(r"\d+\.\d%")
        assert sorted(shares.findall(zh)) == sorted(shares.findall(en))
    assert lab.finding_texts() == [finding.text for finding in found]
    assert lab.findings().plain().count("\n") == len(found) - 1
    return {finding.id: finding.text.en for finding in found}


def test_segmentation_by_hand(make_lab: MakeLab, shop: Shop) -> None:
    said = _said(make_lab(shop, "segmentation", currency="USD", **OPEN))
    assert list(said) == ["concentration", "segments", "movement"]
    # 108.06 of 183.06 is 59 %, with 50 it is 86 %: two of four customers make 80 %. The differences
    # between them add up to 329.18; twice that over 16 and over twice the mean of 45.765 is 0.45.
    assert said["concentration"].startswith(
        "As of 2024-06-30, 4 customers have spent $183.06; 50.0% of them make 80% of it (Gini 0.45"
    )
    assert "1 customers, 16.7% of all" in said["segments"]
    assert "they bring 59.0% of revenue" in said["segments"]
    # Without a day to compare with, it is the one 90 days before.
    assert said["movement"].startswith("Since 2024-04-01, 1 of 1 active customers (100.0%)")


def test_movement_by_hand(make_lab: MakeLab, shop: Shop) -> None:
    said = _said(make_lab(shop, "segmentation", compare_as_of="2024-03-31", **OPEN))
    assert said["movement"].startswith(
        "Since 2024-03-31, 1 of 1 active customers (100.0%) are active no longer"
    )
    nobody_then = make_lab(shop, "segmentation", compare_as_of="2020-01-01", **OPEN)
    low, high = wilson(2, 6)
    assert _said(nobody_then)["status"] == (
        f"2 customers are active, 33.3% (95% interval {low:.1%}–{high:.1%})."
    )


def test_few_customers_are_not_told_of(make_lab: MakeLab, shop: Shop) -> None:
    assert _said(make_lab(shop, "segmentation", currency="USD", **FIXED)) == {
        "concentration": "As of 2024-06-30, 4 customers have spent $183.06."
    }


def test_feedback_by_hand(make_lab: MakeLab) -> None:
    said = _said(make_lab(FEEDBACK, "feedback"))
    assert list(said) == ["verdict", "aspect", "contrast"]
    low, high = wilson(45, 90)
    assert "50.0%" in said["verdict"]
    assert f"50.0% of 90 texts are judged positive (95% interval {low:.1%}–{high:.1%})." in said["verdict"]
    assert "45" in said["aspect"]
    assert "失望" in said["contrast"]


def test_nps_is_written_with_its_sign(make_lab: MakeLab) -> None:
    tables = {
        "feedback": FEEDBACK["feedback"]
        .replace(",5,csat_1_5", ",10,nps_0_10")
        .replace("csat_1_5", "nps_0_10")
    }
    assert (
        "Net Promoter Score (NPS): +0 (95% interval \u2212" in _said(make_lab(tables, "feedback"))["verdict"]
    )


def test_both_reports_of_a_lab_without_one(make_lab: MakeLab, shop: Shop) -> None:
    said = _said(make_lab({**shop, **FEEDBACK}, **OPEN))
    assert list(said) == ["concentration", "segments", "movement", "verdict", "aspect", "contrast"]
    assert list(_said(make_lab(FEEDBACK))) == ["verdict", "aspect", "contrast"]
    assert next(iter(_said(make_lab({**shop, **FEEDBACK}, "feedback")))) == "verdict"


@pytest.mark.parametrize("rows", ["", "a,2024-06-30,-5\n", "a,2024-06-30,0\n", "a,2025-01-01,5\n"])
def test_nobody_paid(make_lab: MakeLab, rows: str) -> None:
    lab = make_lab({"orders": f"customer_id,ordered_at,amount\n{rows}"}, "segmentation")
    assert list(_said(lab)) == ["nobody"]


@pytest.mark.parametrize("rows", ["a,2024-06-30,5\n", "a,2024-01-01,5\nb,2024-01-01,5\n"])
def test_hardly_any_customers(make_lab: MakeLab, rows: str) -> None:
    tables = {"orders": f"customer_id,ordered_at,amount\n{rows}"}
    assert list(_said(make_lab(tables, "segmentation"))) == ["concentration"]
    said = _said(make_lab(tables, "segmentation", privacy={"smallest_group": 1}))
    assert list(said) == ["concentration", "segments", "status"]
    assert " 0 customers" not in said["segments"]


def test_no_feedback(make_lab: MakeLab) -> None:
    assert list(_said(make_lab({"feedback": "text\n"}, "feedback"))) == ["no_feedback"]
    assert list(_said(make_lab({"feedback": "text\n😀\n"}, "feedback"))) == ["verdict"]
