"""Newey–West errors: by hand on a small series, and as plain robust errors without lags."""

from __future__ import annotations

import numpy as np
import pytest

from crmlab.improvement.newey_west import newey_west

RESIDUALS = np.array([1.0, -2.0, 3.0, -1.0, -1.0])
CONSTANT = np.ones((5, 1))


def test_one_lag_by_hand() -> None:
    # Γ0 = 1+4+9+1+1 = 16, Γ1 = −2−6−3+1 = −10; S = 16 + 2·½·(−10) = 6; V = 6 / 25 · 5 / 4.
    assert newey_west(CONSTANT, RESIDUALS, bandwidth=1)[0, 0] == pytest.approx(6 / 25 * 5 / 4)


def test_without_lags_it_is_the_error_robust_to_unequal_variance() -> None:
    assert newey_west(CONSTANT, RESIDUALS, bandwidth=0)[0, 0] == pytest.approx(16 / 25 * 5 / 4)


def test_a_period_without_data_counts_as_distance_but_not_as_observation() -> None:
    design = np.array([[1.0], [1.0], [0.0], [1.0]])
    residuals = np.array([1.0, -1.0, 0.0, 2.0])
    # Neighbours are the first two only: Γ0 = 6, Γ1 = −1.
    assert newey_west(design, residuals, bandwidth=1)[0, 0] == pytest.approx((6 - 1) / 9 * 3 / 2)


def test_errors_grow_with_autocorrelation() -> None:
    rng = np.random.default_rng(3)
    noise = rng.standard_normal(400)
    walked = np.convolve(noise, np.ones(8), "valid")
    plain = newey_west(np.ones((len(walked), 1)), walked - walked.mean(), bandwidth=0)[0, 0]
    assert newey_west(np.ones((len(walked), 1)), walked - walked.mean())[0, 0] > 2 * plain
