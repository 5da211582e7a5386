"""The segmented regression: exact where nothing is noise, and what it says of lines and waves."""

from __future__ import annotations

import numpy as np
import pytest

from crmlab.improvement.segmented import TREND, YEAR, Segmented

TIME = np.arange(-60, 20, dtype=np.float64)
YEARS = TIME * 7 / YEAR
AFTER = TIME >= 0


def model(*, season: bool = False, trend: bool = True) -> Segmented:
    return Segmented(TIME, np.full(len(TIME), 20.0), 7, season=season, trend=trend)


def noisy(seed: int = 0, scale: float = 0.01) -> np.ndarray:
    return scale * np.random.default_rng(seed).standard_normal(len(TIME))


def test_level_and_slope_after_the_start_are_one_mean_effect() -> None:
    line = 2 + 0.5 * YEARS
    jump = 1.0 + 3.0 * (YEARS - YEARS[AFTER].mean())
    found = model().fit(line + np.where(AFTER, jump, 0) + noisy())
    assert found.effect().value == pytest.approx(1.0, abs=0.02)
    assert found.effect(TREND).value == pytest.approx(0.5, abs=0.03)
    assert found.counterfactual == pytest.approx(line, abs=0.02)
    assert found.fitted[AFTER] == pytest.approx((line + jump)[AFTER], abs=0.02)


def test_a_yearly_wave_is_no_effect_where_it_is_asked_for() -> None:
    wave = np.sin(2 * np.pi * YEARS + 2) + noisy()
    assert abs(model(season=True).fit(wave).effect().value) < 0.02
    assert abs(model(season=False).fit(wave).effect().value) > 0.5


def test_without_a_trend_it_is_the_difference_of_two_levels() -> None:
    values = np.where(AFTER, 3.0, 1.0) + noisy()
    fit = model(trend=False).fit(values)
    assert fit.effect().value == pytest.approx(2.0, abs=0.01)
    assert fit.counterfactual == pytest.approx(np.ones(len(TIME)), abs=0.01)


def test_intervals_widen_with_confidence_and_with_autocorrelation() -> None:
    rng = np.random.default_rng(5)
    noise = rng.standard_normal(len(TIME) + 7)
    independent, dependent = noise[7:], np.convolve(noise, np.ones(8) / np.sqrt(8), "valid")
    narrow = model().fit(independent, 0.8).effect()
    wide = model().fit(independent, 0.99).effect()
    assert wide.low < narrow.low < narrow.value < narrow.high < wide.high
    assert model().fit(dependent).effect().error > 1.5 * model().fit(independent).effect().error


def test_the_interval_ends_where_the_p_value_is_one_less_the_confidence() -> None:
    values = noisy(scale=1.0)
    low = model().fit(values).effect().low
    moved = model().fit(values - low * AFTER).effect()
    assert moved.low == pytest.approx(0.0, abs=1e-6)
    assert moved.p == pytest.approx(0.05, abs=1e-4)


def test_a_constant_series_has_no_effect() -> None:
    effect = model().fit(np.full(len(TIME), 0.3)).effect()
    assert effect.value == pytest.approx(0.0, abs=1e-9)
    assert effect.p > 0.05


def test_values_that_are_shifted_and_scaled_scale_the_effect() -> None:
    values = noisy(scale=1.0) + AFTER
    one, other = (model().fit(series).effect() for series in (values, 100 * values - 7))
    assert [other.value, other.low, other.high] == pytest.approx(
        [100 * one.value, 100 * one.low, 100 * one.high]
    )
    assert other.p == pytest.approx(one.p, rel=1e-6)
