from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.errors import DataError
from crmlab.surveys.raking import design_effect, effective, rake


def test_a_table_is_fitted_to_its_margins_and_keeps_its_odds_ratio() -> None:
    # Deming & Stephan 1940: fitting keeps every cross-product ratio of the sample.
    counts = np.array([[40, 30], [20, 10]])
    first = np.repeat([0, 0, 1, 1], counts.ravel())
    second = np.repeat([0, 1, 0, 1], counts.ravel())
    found = rake([first, second], [np.array([0.5, 0.5]), np.array([0.6, 0.4])])
    fitted = np.zeros((2, 2))
    np.add.at(fitted, (first, second), found.weights)
    np.testing.assert_allclose(fitted.sum(axis=1) / 100, [0.5, 0.5], atol=1e-6)
    np.testing.assert_allclose(fitted.sum(axis=0) / 100, [0.6, 0.4], atol=1e-6)
    odds = fitted[0, 0] * fitted[1, 1] / (fitted[0, 1] * fitted[1, 0])
    assert odds == pytest.approx(40 * 10 / (30 * 20))
    assert found.converged
    assert found.trimmed == 0
    assert found.weights.mean() == pytest.approx(1)


def test_design_effect_of_kish() -> None:
    # Kish 1965: weights 1 and 3, half each: n Σw² / (Σw)² = 100 · 500 / 200².
    weights = np.repeat([1.0, 3.0], 50)
    assert design_effect(weights) == pytest.approx(1.25)
    assert effective(weights) == pytest.approx(80)
    assert rake([], []).weights.tolist() == []


def test_one_trait_is_post_stratification() -> None:
    codes = np.repeat([0, 1], [80, 20])
    found = rake([codes], [np.array([0.5, 0.5])])
    np.testing.assert_allclose(np.unique(found.weights), [0.625, 2.5])
    assert found.design_effect == pytest.approx(100 * (80 * 0.625**2 + 20 * 2.5**2) / 100**2)


def test_large_weights_are_cut_and_the_gap_is_told() -> None:
    codes = np.repeat([0, 1], [98, 2])
    found = rake([codes], [np.array([0.5, 0.5])], most=5)
    assert found.weights.max() == pytest.approx(5)
    assert found.trimmed == 2
    assert found.gap == pytest.approx(0.4)
    assert found.weights.mean() == pytest.approx(1)


def test_an_unknown_trait_leaves_a_weight_as_it_is() -> None:
    codes = np.array([0, 0, 0, 1, -1, -1])
    found = rake([codes], [np.array([0.5, 0.5])])
    assert found.converged
    np.testing.assert_allclose(found.weights[4:], 1)
    assert found.weights[3] == pytest.approx(2)


def test_margins_that_contradict_each_other_do_not_converge() -> None:
    codes = np.array([0, 0, 1, 1])
    found = rake([codes, codes], [np.array([0.5, 0.5]), np.array([0.7, 0.3])])
    assert not found.converged
    assert found.gap > 0.1


def test_a_share_that_nobody_answered_for_is_an_error() -> None:
    with pytest.raises(DataError, match="no answer that could be weighted"):
        rake([np.array([0, 0])], [np.array([0.5, 0.5])])


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1)), min_size=12, max_size=60),
    st.lists(st.integers(2, 6), min_size=5, max_size=5),
)
def test_weights_meet_their_margins_or_say_by_how_much_not(
    answers: list[tuple[int, int]], shares: list[int]
) -> None:
    answers = [*answers, *((a, b) for a in range(3) for b in range(2))]
    codes = [np.array(column) for column in zip(*answers, strict=True)]
    targets = [np.array(shares[:3], dtype=float), np.array(shares[3:], dtype=float)]
    found = rake(codes, targets)
    assert (found.weights > 0).all()
    assert found.weights.max() <= 5 * (1 + 1e-6)
    assert found.weights.mean() == pytest.approx(1)
    for place, target in zip(codes, targets, strict=True):
        reached = np.bincount(place, found.weights) / found.weights.sum()
        assert np.abs(reached - target / target.sum()).max() <= found.gap + 1e-9
    assert found.trimmed or found.gap < 1e-5
    assert 1 <= found.effective <= len(answers) + 1e-9
