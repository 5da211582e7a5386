"""Who foretells best, by how much, and whether that is chance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import crmlab
from crmlab.lab import Lab
from crmlab.value.comparison import BASELINES, Comparison
from crmlab.value.holdout import MEAN_RATE, SAME_RATE


def test_all_contenders_are_judged_on_the_same_customers(cdnow: Lab) -> None:
    comparison = cdnow.value.comparison()
    summary = comparison.summary
    listed = {*summary["name"], *comparison.twins}
    assert listed == {*comparison.holdout.names, *BASELINES}
    assert summary["customers"].n_unique() == 1
    assert summary["rmse"].is_sorted()
    assert summary["best_share"].sum() == pytest.approx(1)
    # The figures by hand.
    for row in summary.iter_rows(named=True):
        off = comparison.holdout.expected[row["name"]] - comparison.holdout.actual
        assert row["rmse"] == pytest.approx(np.sqrt((off**2).mean()))
        assert row["mae"] == pytest.approx(np.abs(off).mean())
        assert row["behind"] == pytest.approx(row["rmse"] - summary["rmse"][0], abs=1e-12)
        assert row["behind_low"] <= row["behind"] <= row["behind_high"]


def test_models_beat_simple_rules_on_cdnow(cdnow: Lab) -> None:
    comparison = cdnow.value.comparison()
    assert comparison.winner not in BASELINES
    gains = comparison.summary.filter(kind="model").sort("gain")
    assert gains["gain"].max() > 0.2
    assert gains.filter(name="bg-nbd")["gain_low"][0] > 0.1


def test_the_bootstrap_is_paired(cdnow: Lab) -> None:
    """Two models that err alike differ by much less than either error is sure to."""
    comparison = cdnow.value.comparison()
    margin = comparison.margin("bg-nbd", "pareto-nbd").error
    alone = np.quantile(comparison.resampled["bg-nbd"][1:], (0.025, 0.975))
    assert margin.high - margin.low < np.ptp(alone) / 3


def test_its_interval_is_as_wide_as_that_of_the_central_limit(cdnow: Lab) -> None:
    comparison = cdnow.value.comparison()
    actual = comparison.holdout.actual
    errors = {name: (comparison.holdout.expected[name] - actual) ** 2 for name in (SAME_RATE, MEAN_RATE)}
    roots = {name: np.sqrt(error.mean()) for name, error in errors.items()}
    # The linearised difference of two roots.
    parts = errors[SAME_RATE] / (2 * roots[SAME_RATE]) - errors[MEAN_RATE] / (2 * roots[MEAN_RATE])
    reach = 1.96 * parts.std() / np.sqrt(len(actual))
    found = comparison.margin(SAME_RATE, MEAN_RATE).error
    assert (found.high - found.low) / 2 == pytest.approx(reach, rel=0.15)


def test_the_words_go_by_the_intervals(cdnow: Lab) -> None:
    said = cdnow.value.comparison().explain().en
    assert "either will do" in said  # BG/NBD, MBG/NBD and Pareto/NBD err alike
    assert "less than the best simple baseline" in said


@pytest.mark.parametrize("language", ["zh", "en"])
def test_it_is_shown(cdnow: Lab, language: str, check_chart: Callable[..., None]) -> None:
    lab = crmlab.Lab(cdnow.study.model_copy(update={"language": language}), "value")
    comparison: Comparison = lab.value.comparison()
    check_chart(comparison.chart(), language)
    assert len(comparison.table().payload()["rows"]) == len(comparison.names)


def test_the_same_twice(cdnow: Lab) -> None:
    again = crmlab.Lab(cdnow.study, "value").value.comparison()
    assert again.summary.equals(cdnow.value.comparison().summary)
