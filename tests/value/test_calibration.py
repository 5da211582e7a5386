"""Calibration by groups, against what the papers print of CDNOW."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

import crmlab
from crmlab.lab import Lab

DAYS = 273
"""From 30 September 1997 on, as in the papers: 39 weeks."""

CUSTOMERS = [1411, 439, 214, 100, 62, 38, 29, 64]
ACTUAL = [0.237, 0.697, 1.393, 1.560, 2.532, 2.947, 3.862, 6.359]
EXPECTED = {
    "bg-nbd": [0.2251, 0.5231, 1.0441, 1.5203, 2.1638, 2.6538, 3.5040, 6.1570],
    "pareto-nbd": [0.138, 0.600, 1.196, 1.714, 2.399, 2.907, 3.819, 6.403],
}


@pytest.mark.parametrize("name", EXPECTED)
def test_by_repeats_as_published(cdnow: Lab, name: str) -> None:
    groups = cdnow.value.calibration(name, DAYS).by_count
    assert groups["group"].to_list() == ["0", "1", "2", "3", "4", "5", "6", "7+"]
    assert groups["customers"].to_list() == CUSTOMERS
    assert groups["actual"].to_list() == pytest.approx(ACTUAL, abs=0.0006)
    assert groups["expected"].to_list() == pytest.approx(EXPECTED[name], abs=0.002)


def test_tenths_hold_everybody_in_order(cdnow: Lab) -> None:
    calibration = cdnow.value.calibration("bg-nbd", DAYS)
    tenths = calibration.by_decile
    assert tenths["customers"].sum() == sum(CUSTOMERS)
    assert tenths["expected"].is_sorted()
    total = (tenths["customers"] * tenths["actual"]).sum()
    assert total == pytest.approx(calibration.holdout.customers["actual"].sum())
    assert tenths.filter(~pl.col("actual").is_between("low", "high")).height == 0


def test_by_probability_of_being_alive_repeat_buyers_alone(cdnow: Lab) -> None:
    calibration = cdnow.value.calibration("pareto-nbd", DAYS)
    groups = calibration.by_alive
    assert groups["customers"].sum() == sum(CUSTOMERS[1:])
    assert groups["alive"].is_sorted()
    assert calibration.area.low > 0.6


def test_who_came_back_was_alive(cdnow: Lab) -> None:
    """BG/NBD gives up frequent buyers too early: more of them come back than it says are alive."""
    calibration = cdnow.value.calibration("bg-nbd", DAYS)
    doubtful = calibration.by_alive.row(0, named=True)
    assert doubtful["low"] > doubtful["alive"]
    assert calibration.understated is not None
    assert calibration.note().payload()["kind"] == "warning"


def test_fewer_buy_in_time_than_are_alive(cdnow: Lab) -> None:
    groups = cdnow.value.calibration("pareto-nbd", DAYS).by_alive
    assert groups["expected"].null_count() == 0
    assert (groups["expected"] <= groups["alive"]).all()
    bought = (groups["actual"] * groups["customers"]).sum() / groups["customers"].sum()
    expected = (groups["expected"] * groups["customers"]).sum() / groups["customers"].sum()
    assert expected == pytest.approx(bought, abs=0.1)


def test_a_model_that_is_true_is_calibrated(cdnow: Lab) -> None:
    """Nearly all expectations lie within the intervals where customers do what the model says."""
    calibration = cdnow.value.calibration("pareto-nbd", DAYS)
    process = calibration.holdout.model("pareto-nbd")
    assert process.verdicts() == []
    inside = calibration.by_count.filter(pl.col("expected").is_between("low", "high"))
    assert inside.height >= 6


@pytest.mark.parametrize("language", ["zh", "en"])
def test_it_is_shown(cdnow: Lab, language: str, check_chart: Callable[..., None]) -> None:
    lab: Any = crmlab.Lab(cdnow.study.model_copy(update={"language": language}), "value")
    calibration = lab.value.calibration()
    for chart in (calibration.chart(), calibration.decile_chart(), calibration.alive_chart()):
        check_chart(chart, language)
    assert len(calibration.table().payload()["rows"]) >= 20
    assert calibration.note().plain()


def test_small_groups_are_put_together(cdnow: Lab) -> None:
    privacy = cdnow.study.privacy.model_copy(update={"smallest_group": 50})
    lab = crmlab.Lab(cdnow.study.model_copy(update={"privacy": privacy}), "value")
    groups = lab.value.calibration("bg-nbd", DAYS).by_count
    assert groups["customers"].min() >= 50
    assert groups["customers"].sum() == sum(CUSTOMERS)
    assert "5–6" in groups["group"].to_list()
