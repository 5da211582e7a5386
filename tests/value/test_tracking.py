"""Tracking, against what is published of CDNOW, and its prediction interval."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

import crmlab
from crmlab.lab import Lab

DAYS = 273


def test_weeks_20_to_25_as_published(cdnow: Lab) -> None:
    weeks = cdnow.value.tracking("pareto-nbd", DAYS).summary[19:25]
    assert weeks["actual_total"].to_list() == [1359, 1414, 1484, 1517, 1573, 1672]
    assert weeks["actual"].to_list() == [73, 55, 70, 33, 56, 99]
    assert weeks["expected_total"].to_list() == pytest.approx([1309, 1385, 1460, 1533, 1604, 1674], abs=0.6)
    assert weeks["expected"].to_list() == pytest.approx([78.31, 76.42, 74.65, 72.98, 71.41, 69.93], abs=0.01)


def test_periods_add_up_and_part_at_the_cutoff(cdnow: Lab) -> None:
    tracking = cdnow.value.tracking("bg-nbd", DAYS)
    frame = tracking.summary
    assert frame["actual"].cum_sum().equals(frame["actual_total"])
    assert frame["expected"].cum_sum().to_list() == pytest.approx(frame["expected_total"].to_list())
    cutoff = date(1997, 9, 30)
    assert (
        frame.filter(part="learned")["ends_on"].max()
        <= cutoff
        < frame.filter(part="holdout")["ends_on"].min()
    )


def test_the_forecast_is_that_of_each_customers_history(cdnow: Lab) -> None:
    tracking = cdnow.value.tracking("bg-nbd", DAYS)
    assert tracking.forecast.value == pytest.approx(tracking.holdout.expected["bg-nbd"].sum())
    assert tracking.forecast.low < tracking.forecast.value < tracking.forecast.high


@pytest.mark.parametrize("language", ["zh", "en"])
def test_it_is_shown(cdnow: Lab, language: str, check_chart: Callable[..., None]) -> None:
    lab = crmlab.Lab(cdnow.study.model_copy(update={"language": language}), "value")
    for chart in (lab.value.tracking().chart(), lab.value.tracking().increments_chart()):
        check_chart(chart, language)


def test_a_long_history_has_longer_periods(cdnow: Lab) -> None:
    tracking = cdnow.value.tracking("bg-nbd", DAYS)
    assert tracking.period_days == 7
    later = crmlab.Lab(cdnow.study.model_copy(update={"as_of": date(2000, 6, 30)}), "value")
    assert later.value.tracking("bg-nbd", DAYS).period_days == 21
    assert tracking.holdout.history_days == 545


def test_the_title_counts_the_days_of_the_holdout_alone(cdnow: Lab) -> None:
    """The week in which the cutoff lies began before it."""
    tracking = cdnow.value.tracking("bg-nbd", 270)
    periods = tracking.summary.filter(part="holdout")
    assert periods["actual"].sum() > tracking.holdout.actual.sum()
    told = tracking.holdout.model("bg-nbd").expected_of_new
    ages = tracking.holdout.customers["days_since_first_order"].to_numpy() + 1.0
    expected = float((told(ages + 270) - told(ages)).sum())
    off = 1 - expected / tracking.holdout.actual.sum()
    assert f"{off:.1%} fewer" in tracking.chart().to_dict()["title"]["text"]
