"""The area under the ROC curve with DeLong's interval."""

from __future__ import annotations

from math import isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from crmlab.segments.ranking import auc, auc_difference


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=2, max_size=60))
def test_the_value_is_that_of_scikit_learn(rows: list[tuple[int, bool]]) -> None:
    score, truth = zip(*rows, strict=True)
    found = auc(score, truth)
    if len(set(truth)) < 2:
        assert isnan(found.value)
    else:
        assert found.value == pytest.approx(roc_auc_score(truth, score))


def test_the_interval_by_hand() -> None:
    # Cases 3, 2 and others 1, 2: placements 1, .75 and 1, .75, so the variance is 2 · (.03125 / 2).
    found = auc([3, 2, 1, 2], [True, True, False, False])
    assert found.value == 0.875
    assert (found.high, found.low) == pytest.approx((1.0, 0.875 - 1.959964 * 0.03125**0.5))


def test_the_interval_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(6)
    truth, true_value, inside = np.arange(200) < 60, 0.7602, 0  # Φ(1 / √2)
    for _ in range(1000):
        found = auc(rng.normal(size=200) + truth, truth)
        inside += found.low <= true_value <= found.high
    assert 0.92 <= inside / 1000 <= 0.97


def test_a_difference_on_the_same_cases() -> None:
    rng = np.random.default_rng(5)
    truth = np.arange(400) < 100
    good, noise = rng.normal(size=400) + 2 * truth, rng.normal(size=400)
    gain = auc_difference(good, noise, truth)
    assert gain.value == pytest.approx(auc(good, truth).value - auc(noise, truth).value)
    assert gain.low > 0
    same = auc_difference(good, good * 3, truth)
    assert same == (0, 0, 0)
    assert auc_difference(noise, good, truth).high < 0


def test_what_cannot_be_told() -> None:
    assert all(map(isnan, auc([1, 2], [True, True])))
    assert all(map(isnan, auc_difference([1, 2], [2, 1], [False, False])))
    one = auc([2, 1, 1], [True, False, False])
    assert one.value == 1.0
    assert isnan(one.low)
