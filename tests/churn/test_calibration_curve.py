"""Calibration by bins, slope and calibration-in-the-large."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression

from crmlab.churn.calibration_curve import calibration, calibration_line

Array = np.ndarray[Any, np.dtype[Any]]


def drawn(seed: int, n: int = 1000, slope: float = 1.0, shift: float = 0.0) -> tuple[Array, Array]:
    """Draw probabilities, and outcomes whose log-odds are ``shift + slope · logit``."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(-1.5, 1.0, size=n)
    y = (rng.random(n) < 1 / (1 + np.exp(-shift - slope * logit))).astype(int)
    return y, 1 / (1 + np.exp(-logit))


def test_bins_are_what_scikit_learn_says() -> None:
    y, p = drawn(1)
    found = calibration(y, p)
    happened, stated = calibration_curve(y, p, n_bins=10, strategy="quantile")
    assert found["customers"].to_list() == [100] * 10
    assert found["happened"].to_list() == pytest.approx(list(happened))
    assert found["stated"].to_list() == pytest.approx(list(stated))


@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 6)), min_size=1, max_size=60),
    st.randoms(use_true_random=False),
    st.integers(1, 12),
)
def test_every_customer_is_in_one_bin_whatever_the_order(rows: list[Any], random: Any, bins: int) -> None:
    y, p = zip(*rows, strict=True)
    found = calibration(y, np.array(p) / 6, bins)
    random.shuffle(rows)
    again, mixed = zip(*rows, strict=True)
    assert found.equals(calibration(again, np.array(mixed) / 6, bins))
    assert found["customers"].sum() == len(rows)
    assert found["lost"].sum() == sum(y)
    assert 1 <= found.height <= bins
    assert (found["highest"] < found["lowest"].shift(-1)).drop_nulls().all()


def test_small_bins_are_put_together() -> None:
    y, p = drawn(2, n=47)
    found = calibration(y, p, bins=10, least=11)
    assert found["customers"].min() >= 11  # type: ignore[operator]
    assert found["customers"].sum() == 47
    assert calibration(y[:5], p[:5], least=11).is_empty()


def test_a_calibrated_score_agrees_in_most_bins_and_has_slope_one() -> None:
    agreed, slopes, larges = [], [], []
    for seed in range(250):
        y, p = drawn(seed)
        agreed.append(calibration(y, p)["agrees"].mean())
        line = calibration_line(y, p)
        slopes.append(line.slope.low <= 1 <= line.slope.high)
        larges.append(line.in_the_large.low <= 0 <= line.in_the_large.high)
    assert 0.93 <= np.mean(agreed) <= 0.98
    assert 0.92 <= np.mean(slopes) <= 0.98
    assert 0.92 <= np.mean(larges) <= 0.98


def test_the_slope_is_that_of_a_logistic_regression() -> None:
    y, p = drawn(3, slope=0.5, shift=-0.4)
    line = calibration_line(y, p)
    logit = np.log(p / (1 - p))[:, None]
    peer = LogisticRegression(C=np.inf, tol=1e-10).fit(logit, y)
    assert line.slope.value == pytest.approx(peer.coef_[0, 0], rel=1e-4)
    assert line.slope.high < 1
    # On average right where the mean probability is the share, moved by the shift otherwise.
    moved = 1 / (1 + np.exp(-np.log(p / (1 - p)) - line.in_the_large.value))
    assert moved.mean() == pytest.approx(y.mean())


def test_certain_probabilities_are_borne() -> None:
    y, p = drawn(4, n=300)
    line = calibration_line(y, np.where(p < 0.1, 0.0, np.where(p > 0.6, 1.0, p)))
    assert 0 < line.slope.value < 1
    assert np.isfinite(line.slope).all()


@pytest.mark.parametrize("p", [[0.1, 0.2, 0.8, 0.9], [0.9, 0.8, 0.2, 0.1], [0.3] * 4])
def test_without_a_finite_slope_it_is_nan(p: list[float]) -> None:
    line = calibration_line([0, 0, 1, 1], p)
    assert np.isnan(line.slope).all()
    assert np.isfinite(line.in_the_large).all()


def test_one_kind_of_customer_or_none() -> None:
    assert np.isnan(calibration_line([1, 1], [0.2, 0.4])).all()
    assert calibration([], []).is_empty()
    assert calibration([1, 1], [0.2, 0.4], bins=1)["happened"].to_list() == [1.0]
    with pytest.raises(ValueError, match="bins is 0"):
        calibration([1], [0.5], bins=0)
    with pytest.raises(ValueError, match="outside 0–1"):
        calibration([1], [1.5])
