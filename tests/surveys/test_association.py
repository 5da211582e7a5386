from __future__ import annotations

from math import isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.segments.separation import Estimate
from crmlab.surveys.association import (
    adjusted_residuals,
    association,
    cramers_v,
    difference_test,
    fisher,
    holm,
    residual_p_values,
)

# General Social Survey: women and men by party (Agresti 2007, An Introduction to Categorical Data
# Analysis, tables 2.5 and 2.6).
PARTIES = [[762, 327, 468], [484, 239, 477]]
# Job satisfaction by income (Agresti 2002, Categorical Data Analysis, p. 57).
JOBS = [[1, 2, 1, 0], [3, 3, 6, 1], [10, 10, 14, 9], [6, 7, 12, 11]]


def test_chi_square_as_published() -> None:
    found = association(PARTIES)
    assert (found.test, found.freedom, found.n) == ("chi_square", 2, 2757)
    assert found.statistic == pytest.approx(30.07, abs=0.005)
    assert found.p_value == pytest.approx(2.95e-7, rel=0.01)


def test_adjusted_residuals_as_published() -> None:
    residuals = adjusted_residuals(PARTIES)
    np.testing.assert_allclose(residuals[0], [4.50, 0.70, -5.32], atol=0.005)
    np.testing.assert_allclose(residuals[1], -residuals[0])


def test_cells_that_differ_are_named_after_all_cells_were_counted() -> None:
    p_values = residual_p_values(adjusted_residuals(PARTIES))
    assert (p_values < 0.05).tolist() == [[True, False, True], [True, False, True]]


def test_fisher_of_the_lady_tasting_tea() -> None:
    # Fisher 1935: three of four cups right on each side.
    assert fisher([[3, 1], [1, 3]]) == pytest.approx(0.4857, abs=0.0001)


def test_fisher_beyond_two_by_two_as_published() -> None:
    found = association(JOBS)
    assert found.test == "fisher_sampled"
    # Exactly 0.7827; sampled over 9,999 tables, so to within three standard errors.
    assert found.p_value == pytest.approx(0.7827, abs=3 * (0.7827 * 0.2173 / 9999) ** 0.5)
    assert fisher(JOBS) == found.p_value


def test_small_expected_counts_call_for_fisher() -> None:
    assert association([[8, 2], [1, 5]]).test == "fisher"
    assert association([[30, 20], [10, 25]]).test == "chi_square"


@pytest.mark.parametrize("counts", [[[5, 0], [7, 0]], [[0, 0], [0, 0]], [[3, 4]]])
def test_one_answer_or_one_group_cannot_be_tested(counts: list[list[int]]) -> None:
    found = association(counts)
    assert found.test == "none"
    assert isnan(found.p_value)
    assert isnan(found.v.value)


def test_cramers_v_is_corrected_for_bias() -> None:
    # phi² = 30.07 / 2757, less its expectation 2/2756, over min(r', c') - 1 with r' = 2 - 1/2756.
    expected = ((30.0701 / 2757 - 2 / 2756) / (2 - 1 / 2756 - 1)) ** 0.5
    found = cramers_v(PARTIES)
    assert found.value == pytest.approx(expected, abs=1e-5)
    assert found.low < found.value < found.high


@pytest.mark.parametrize(
    "table",
    [
        [[0.25, 0.25], [0.25, 0.25]],
        [[0.35, 0.15], [0.15, 0.35]],
        [[0.2, 0.1, 0.05], [0.1, 0.1, 0.1], [0.05, 0.1, 0.2]],
    ],
)
def test_the_interval_of_v_covers_the_truth_as_often_as_it_says(table: list[list[float]]) -> None:
    shares = np.array(table)
    independent = shares.sum(axis=1, keepdims=True) * shares.sum(axis=0, keepdims=True)
    phi2 = float(((shares - independent) ** 2 / independent).sum())
    truth = (phi2 / (min(shares.shape) - 1)) ** 0.5
    rng = np.random.default_rng(7)
    covered = []
    for drawn in rng.multinomial(200, shares.ravel(), size=300):
        low, high = cramers_v(drawn.reshape(shares.shape))[1:]
        covered.append(low <= truth <= high)
    assert 0.92 <= np.mean(covered) <= 1.0


def test_false_alarms_stay_at_their_level() -> None:
    rng = np.random.default_rng(11)
    shares = np.outer([0.5, 0.3, 0.2], [0.6, 0.25, 0.15]).ravel()
    p_values, any_cell = [], []
    for drawn in rng.multinomial(300, shares, size=800):
        table = drawn.reshape(3, 3)
        p_values.append(association(table).p_value < 0.05)
        any_cell.append((residual_p_values(adjusted_residuals(table)) < 0.05).any())
    assert 0.03 <= np.mean(p_values) <= 0.07
    assert np.mean(any_cell) <= 0.065


def test_holm_by_hand() -> None:
    # By hand: .005·4, .01·3, .03·2, and .04·1 raised to the one before it.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_never_makes_a_finding_surer(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(given <= after <= 1 for given, after in zip(p_values, adjusted, strict=True))
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    assert [adjusted[place] for place in order] == sorted(adjusted)


def test_a_change_is_sure_where_its_interval_excludes_none() -> None:
    change, p_value = difference_test(Estimate(10, 5, 15), Estimate(20, 15, 25))
    assert (change.value, change.low, change.high) == pytest.approx((10, 10 - 50**0.5, 10 + 50**0.5))
    assert p_value == pytest.approx(0.00558, abs=0.0001)
    edge, p_edge = difference_test(Estimate(0, -3, 3), Estimate(5, 1, 9))
    assert (edge.low, p_edge) == pytest.approx((0, 0.05), abs=1e-9)


def test_resamples_are_corrected_for_their_own_chance_too() -> None:
    # Corrected once only, resamples lie above the sample, and so does the interval.
    value, low, high = cramers_v([[20, 5, 5, 5], [5, 20, 5, 5], [5, 5, 20, 5], [5, 5, 5, 20]])
    assert value == pytest.approx((low + high) / 2, abs=0.015)
