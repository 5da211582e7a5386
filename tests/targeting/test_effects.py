"""Differences of two arms against published numbers and exact coverage."""

from __future__ import annotations

from math import inf, isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from crmlab.segments.separation import Estimate
from crmlab.targeting.effects import (
    cost_of_one,
    difference_of_means,
    difference_of_rates,
    ratio_mismatch,
    standardised_difference,
    weighted_sum,
)

PUBLISHED = [
    ((56, 70, 48, 80), (0.0524, 0.3339)),
    ((9, 10, 3, 10), (0.1705, 0.8090)),
    ((6, 7, 2, 7), (0.0582, 0.8062)),
    ((5, 56, 0, 29), (-0.0381, 0.1926)),
    ((0, 10, 0, 20), (-0.1611, 0.2775)),
    ((10, 10, 0, 20), (0.6791, 1.0)),
]
"""Newcombe (1998), table II, method 10."""


@pytest.mark.parametrize(("counts", "ends"), PUBLISHED)
def test_intervals_are_the_published_ones(
    counts: tuple[int, int, int, int], ends: tuple[float, float]
) -> None:
    found = difference_of_rates(*counts)
    assert (found.low, found.high) == pytest.approx(ends, abs=5e-5)


def test_an_empty_arm_tells_nothing() -> None:
    assert all(isnan(end) for end in difference_of_rates(3, 10, 0, 0))
    assert all(isnan(end) for end in difference_of_means([1.0, 2.0], [1.0]))


@pytest.mark.parametrize(
    ("n", "m", "p", "q"), [(40, 30, 0.1, 0.05), (60, 20, 0.3, 0.25), (200, 50, 0.05, 0.05)]
)
def test_the_interval_covers_as_often_as_it_says(n: int, m: int, p: float, q: float) -> None:
    """Over all outcomes, each with its probability: no simulation."""
    ours = stats.binom.pmf(np.arange(n + 1), n, p)
    theirs = stats.binom.pmf(np.arange(m + 1), m, q)
    covered = 0.0
    for x in np.flatnonzero(ours > 1e-7):
        for y in np.flatnonzero(theirs > 1e-7):
            found = difference_of_rates(int(x), n, int(y), m)
            covered += ours[x] * theirs[y] * (found.low <= p - q <= found.high)
    assert 0.935 < covered < 0.985


@given(st.integers(1, 60), st.integers(1, 60), st.data())
def test_ends_hold_the_value_and_stay_within_one(n: int, m: int, data: st.DataObject) -> None:
    x, y = data.draw(st.integers(0, n)), data.draw(st.integers(0, m))
    found = difference_of_rates(x, n, y, m)
    assert -1 - 1e-12 <= found.low <= found.value <= found.high <= 1 + 1e-12
    turned = difference_of_rates(y, m, x, n)
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))


def test_means_are_those_of_welch() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.gamma(2, 30, 50), rng.gamma(2, 20, 35)
    found = difference_of_means(one, other)
    theirs = stats.ttest_ind(one, other, equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), rel=1e-9)
    assert difference_of_means([5, 5], [3, 3]) == (2, 2, 2)


def test_one_of_several_is_itself_and_two_alike_are_surer() -> None:
    lopsided = Estimate(0.05, 0.01, 0.12)
    assert weighted_sum([lopsided], [1]) == pytest.approx(lopsided)
    both = weighted_sum([lopsided, lopsided], [0.5, 0.5])
    assert both.value == pytest.approx(0.05)
    assert both.value - both.low == pytest.approx(0.04 / 2**0.5)
    assert both.high - both.value == pytest.approx(0.07 / 2**0.5)
    assert all(isnan(end) for end in weighted_sum([], []))


def test_cost_of_one_is_open_where_nobody_may_have_been_won() -> None:
    assert cost_of_one(100, Estimate(20, 10, 40)) == (5, 2.5, 10)
    assert cost_of_one(100, Estimate(20, -1, 40)) == (5, 2.5, inf)
    harmful = cost_of_one(100, Estimate(-20, -40, -1))
    assert isnan(harmful.value)
    assert isnan(harmful.low)


def test_arms_of_another_size_than_planned_are_found() -> None:
    theirs = stats.chisquare([821, 179], [800, 200]).pvalue
    assert ratio_mismatch(821, 179, 0.8) == pytest.approx(theirs)
    assert ratio_mismatch(8000, 1700, 0.8) < 1e-8
    with pytest.raises(ValueError, match="between 0 and 1"):
        ratio_mismatch(1, 1, 1.0)


def test_a_difference_before_is_in_standard_deviations() -> None:
    rng = np.random.default_rng(5)
    value, ends = standardised_difference(rng.normal(1.5, 1, 4000), rng.normal(1, 1, 4000))
    assert value == pytest.approx(0.5, abs=0.05)
    assert ends.low < 0.5 < ends.high
    assert standardised_difference([1, 1], [1, 1])[0] == 0
    assert standardised_difference([1, 1], [2, 2]) == (-inf, (-inf, -inf))
    _, surer = standardised_difference([1, 2, 3], [1, 2, 4], confidence=0.999)
    _, sure = standardised_difference([1, 2, 3], [1, 2, 4])
    assert surer.low < sure.low < sure.high < surer.high
