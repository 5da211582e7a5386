"""Rank correlation with its interval, and what the top ones make."""

from __future__ import annotations

from math import isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from crmlab.value.ranks import share_of_top, spearman

WHOLE = st.lists(st.integers(0, 5), min_size=5, max_size=40)


@given(WHOLE, st.randoms(use_true_random=False))
def test_it_is_spearmans_correlation(values: list[int], shuffled: object) -> None:
    other = list(values)
    shuffled.shuffle(other)  # type: ignore[attr-defined]
    found = spearman(values, other)
    if len(set(values)) < 2:
        assert isnan(found.value)
    else:
        assert found.value == pytest.approx(spearmanr(values, other).statistic, abs=1e-12)
        assert found.low <= found.value + 1e-12
        assert found.value <= found.high + 1e-12


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    # Spearman's correlation of normals that correlate with 0.5 is 6/π asin(1/4).
    truth, hits = 6 / np.pi * np.arcsin(0.25), 0
    for _ in range(400):
        x = rng.standard_normal(120)
        y = 0.5 * x + np.sqrt(0.75) * rng.standard_normal(120)
        found = spearman(x, y)
        hits += found.low <= truth <= found.high
    assert 0.92 <= hits / 400 <= 0.98


def test_the_top_tenth_of_twenty_are_two() -> None:
    score = np.arange(20.0)
    outcome = np.where(score >= 18, 4.0, 1.0)
    assert share_of_top(score, outcome) == pytest.approx(8 / 26)


@given(WHOLE)
def test_a_constant_score_finds_no_more_than_its_share(outcome: list[int]) -> None:
    share = share_of_top(np.ones(len(outcome)), outcome, 0.25)
    assert isnan(share) if sum(outcome) == 0 else share == pytest.approx(0.25)
