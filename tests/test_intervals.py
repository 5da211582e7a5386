from __future__ import annotations

from collections.abc import Callable
from math import isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.concentration import gini
from crmlab.intervals import Interval, gini_interval, share_of_total, wilson


def test_wilson_gives_the_published_example() -> None:
    # Newcombe 1998, Statistics in Medicine 17:857-872, table I: 81 of 263 and 0 of 20.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_share_and_stays_within_zero_and_one(case: tuple[int, int]) -> None:
    successes, n = case
    low, high = wilson(successes, n)
    assert 0 <= low <= successes / n <= high <= 1
    assert wilson(n - successes, n) == pytest.approx((1 - high, 1 - low))


def test_without_observations_both_ends_are_nan() -> None:
    assert all(isnan(end) for end in wilson(0, 0))
    assert all(isnan(end) for end in gini_interval([]))
    assert all(isnan(end) for end in gini_interval([5.0]))
    assert all(isnan(end) for end in gini_interval([0.0, 0.0]))
    assert all(isnan(end) for end in share_of_total([0.0], [0.0]))


@pytest.mark.parametrize(("successes", "n"), [(3, 2), (-1, 2), (1, 0)])
def test_impossible_counts_are_refused(successes: int, n: int) -> None:
    with pytest.raises(ValueError, match=f"{successes} successes among {n}"):
        wilson(successes, n)


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="confidence is 95"):
        wilson(1, 2, confidence=95)


def _resampled(values: np.ndarray, statistic: Callable[[np.ndarray], float]) -> tuple[float, float]:
    """Return the 95 % percentile interval of a statistic over 2,000 bootstrap samples."""
    random = np.random.default_rng(3)
    found = [statistic(random.choice(values, len(values))) for _ in range(2000)]
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_interval_of_gini_agrees_with_the_bootstrap(seed: int) -> None:
    spend = np.random.default_rng(seed).lognormal(4, 0.8, size=400)
    low, high = gini_interval(spend)
    expected = _resampled(spend, lambda drawn: gini(drawn.tolist()))
    assert (low, high) == pytest.approx(expected, abs=0.01)


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=30).filter(lambda values: sum(values) > 1e-3))
def test_the_interval_of_gini_holds_the_coefficient(values: list[float]) -> None:
    low, high = gini_interval(values)
    assert 0 <= low <= gini(values) + 1e-9
    assert gini(values) - 1e-9 <= high <= 1


def test_the_interval_of_a_share_of_revenue_agrees_with_the_bootstrap() -> None:
    spend = np.random.default_rng(5).lognormal(4, 0.8, size=500)
    rows = np.column_stack([spend * (np.arange(500) < 100), spend])
    places = np.arange(500)
    expected = _resampled(places, lambda drawn: rows[drawn, 0].sum() / rows[drawn, 1].sum())
    assert share_of_total(rows[:, 0], rows[:, 1]) == pytest.approx(expected, abs=0.01)


def test_interval_has_named_ends() -> None:
    assert wilson(5, 10) == Interval(low=wilson(5, 10).low, high=wilson(5, 10).high)
