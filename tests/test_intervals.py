from __future__ import annotations

from math import isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.intervals import Interval, bootstrap, gini_of, mean_of, ratio_of, wilson


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
    assert all(isnan(end) for end in bootstrap(mean_of([]), 0))


@pytest.mark.parametrize(("successes", "n"), [(3, 2), (-1, 2), (1, 0)])
def test_impossible_counts_are_refused(successes: int, n: int) -> None:
    with pytest.raises(ValueError, match=f"{successes} successes among {n}"):
        wilson(successes, n)


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="confidence is 95"):
        wilson(1, 2, confidence=95)
    with pytest.raises(ValueError, match="resamples is 0"):
        bootstrap(mean_of([1.0]), 1, resamples=0)


def test_bootstrap_of_a_mean_agrees_with_its_standard_error() -> None:
    values = np.random.default_rng(1).normal(50, 10, size=400)
    low, high = bootstrap(mean_of(values), 400, seed=2, resamples=4000)
    error = values.std() / 20
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.15 * error)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.15 * error)


def test_bootstrap_repeats_with_its_seed_and_does_not_depend_on_batches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = np.arange(50.0)
    first = bootstrap(mean_of(values), 50, seed=7)
    assert first == bootstrap(mean_of(values), 50, seed=7)
    assert first != bootstrap(mean_of(values), 50, seed=8)
    monkeypatch.setattr("crmlab.intervals._CELLS_AT_ONCE", 120)
    assert bootstrap(mean_of(values), 50, seed=7) == pytest.approx(first)


def test_ratio_is_a_share_of_the_sum() -> None:
    revenue = np.array([10.0, 30.0, 60.0])
    share = ratio_of(revenue * [0, 0, 1], revenue)
    assert share(np.ones((1, 3)))[0] == pytest.approx(0.6)
    assert np.isnan(share(np.zeros((1, 3))))[0]
    assert bootstrap(ratio_of([0.0], [0.0]), 1)[0] != bootstrap(ratio_of([0.0], [0.0]), 1)[0]


@pytest.mark.parametrize(
    ("values", "expected"),
    [([5, 5, 5, 5], 0.0), ([0, 0, 0, 1], 0.75), ([1, 2, 3, 4], 0.25)],
)
def test_gini_of_known_distributions(values: list[float], expected: float) -> None:
    assert gini_of(values)(np.ones((1, 4)))[0] == pytest.approx(expected)


@given(
    st.lists(st.floats(0, 1e6), min_size=1, max_size=30),
    st.lists(st.integers(0, 3), min_size=30, max_size=30),
)
def test_weights_of_gini_mean_repeated_observations(values: list[float], drawn: list[int]) -> None:
    weights = drawn[: len(values)]
    repeated = np.repeat(values, weights)
    expected = gini_of(repeated)(np.ones((1, len(repeated))))[0] if repeated.sum() > 0 else np.nan
    found = gini_of(values)(np.array([weights], dtype=float))[0]
    assert found == pytest.approx(expected, abs=1e-9, nan_ok=True)


def test_interval_has_named_ends() -> None:
    assert wilson(5, 10) == Interval(low=wilson(5, 10).low, high=wilson(5, 10).high)
