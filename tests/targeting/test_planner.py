"""The planner against the numbers of textbooks, and against itself."""

from __future__ import annotations

from math import inf, isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.errors import ParamsError
from crmlab.targeting.planner import (
    Arms,
    detectable_mean,
    detectable_rate,
    power_of_means,
    power_of_rates,
    size_for_means,
    size_for_rates,
)


def test_rates_are_those_of_the_examples_of_r() -> None:
    """R 4, ?power.prop.test: p = .50 and .75 with power .90 needs 76.7 an arm; n = 50 has power .740."""
    assert size_for_rates(0.5, 0.25, power=0.9) == (77, 77)
    assert power_of_rates(Arms(50, 50), 0.5, 0.25) == pytest.approx(0.740, abs=5e-4)


def test_a_tenth_more_than_sixty_percent_needs_356_an_arm() -> None:
    """By hand: (1.95996 √(2 · .65 · .35) + .84162 √(.6 · .4 + .7 · .3))² / .1² = 355.9."""
    assert size_for_rates(0.6, 0.1) == (356, 356)


def test_means_are_those_of_the_examples_of_r() -> None:
    """R 4, ?power.t.test: n = 20 for a difference of one deviation has power .8689528; .90 needs 22.02."""
    assert power_of_means(Arms(20, 20), 1, 1) == pytest.approx(0.8689528, abs=1e-7)
    assert size_for_means(1, 1, power=0.9) == (23, 23)


@given(
    st.floats(0.01, 0.6),
    st.floats(0.01, 0.3),
    st.sampled_from([0.1, 0.15, 0.2, 0.5]),
    st.sampled_from([0.5, 0.8, 0.9]),
)
def test_the_size_has_the_power_and_shows_the_effect(
    base: float, uplift: float, share: float, power: float
) -> None:
    arms = size_for_rates(base, uplift, share, power)
    assert power_of_rates(arms, base, uplift) >= power - 1e-3
    assert arms.control / arms.total == pytest.approx(share, abs=1 / arms.total + 1e-9)
    smaller = Arms(int(arms.treated * 0.9), int(arms.control * 0.9))
    assert power_of_rates(smaller, base, uplift) < power
    assert detectable_rate(arms, base, power) == pytest.approx(uplift, rel=0.08)


def test_power_is_how_often_the_test_finds_it() -> None:
    """20,000 experiments of the planned size, each judged by the pooled z test."""
    arms = size_for_rates(0.05, 0.03, control_share=0.2)
    rng = np.random.default_rng(4)
    x, y = rng.binomial(arms.treated, 0.08, 20_000), rng.binomial(arms.control, 0.05, 20_000)
    pooled = (x + y) / arms.total
    error = np.sqrt(pooled * (1 - pooled) * (1 / arms.treated + 1 / arms.control))
    found = np.abs(x / arms.treated - y / arms.control) > 1.959964 * error
    assert found.mean() == pytest.approx(0.8, abs=0.02)


def test_smallest_effects() -> None:
    assert isnan(detectable_rate(Arms(2, 2), 0.5))
    assert detectable_mean(Arms(1, 0), 1.0) == inf
    least = detectable_mean(Arms(400, 100), 50.0)
    assert power_of_means(Arms(400, 100), least, 50.0) == pytest.approx(0.8, abs=1e-6)


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: size_for_rates(0.99, 0.05), "base rate"),
        (lambda: size_for_rates(0.1, 0.0), "effect"),
        (lambda: size_for_rates(0.1, 0.1, control_share=0), "control_share"),
        (lambda: size_for_rates(0.1, 0.1, power=1), "power"),
        (lambda: size_for_rates(0.1, 1e-9), "too small"),
        (lambda: size_for_means(float("nan"), 1), "effect"),
        (lambda: detectable_rate(Arms(100, 100), 0.1, power=0.01), "power"),
        (lambda: detectable_mean(Arms(100, 100), 1.0, power=1.0), "power"),
        (lambda: power_of_means(Arms(5, 5), 1, 0), "deviation"),
    ],
)
def test_what_cannot_be_planned_is_said(call: object, word: str) -> None:
    assert callable(call)
    with pytest.raises(ParamsError, match=word):
        call()
