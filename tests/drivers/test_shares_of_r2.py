"""How R² divides among predictors: published figures, the definition, and what must hold of any data."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.drivers.shares import (
    MOST_EXACT,
    disattenuated,
    lmg,
    method_for,
    r_squared,
    relative_weights,
    shares_of_r2,
    standardised_slopes,
)

Array = np.ndarray

# Correlations of the Swiss provinces of 1888 (Mosteller & Tukey 1977): Agriculture, Examination, Education,
# Catholic, Infant.Mortality, Fertility.
SWISS = (
    (-0.68654221, -0.63952252, 0.4010951, -0.06085861, 0.35307918),
    (0.69841530, -0.5727418, -0.11402160, -0.6458827),
    (-0.1538589, -0.09932185, -0.66378886),
    (0.17549591, 0.4636847),
    (0.41655603,),
)
# Of 32 cars (Henderson & Velleman 1981): cylinders, displacement, horsepower, weight, miles per gallon.
CARS = (
    (0.9020329, 0.8324475, 0.7824958, -0.8521620),
    (0.7909486, 0.8879799, -0.8475514),
    (0.6587479, -0.7761684),
    (-0.8676594,),
)


def _full(upper: tuple[tuple[float, ...], ...]) -> Array:
    matrix = np.eye(len(upper) + 1)
    for row, values in enumerate(upper):
        matrix[row, row + 1 :] = matrix[row + 1 :, row] = values
    return matrix


def _random(p: int, seed: int, n: int = 60) -> Array:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p)) @ rng.normal(size=(p, p))
    return np.corrcoef(np.column_stack([x, x @ rng.normal(size=p) + 2 * rng.normal(size=n)]).T)


def test_published_shares_of_relaimpo() -> None:
    """Grömping (2006), Journal of Statistical Software 17(1), section 6, the method lmg."""
    published = [0.05709122, 0.17117303, 0.26013468, 0.10557015, 0.11276592]
    assert lmg(_full(SWISS)) == pytest.approx(published, abs=5e-8)


def test_published_relative_weights() -> None:
    """The article on regression methods of the R package rwa has these for the cars."""
    published = [0.2096904, 0.1883043, 0.1799590, 0.2706812]
    assert relative_weights(_full(CARS)) == pytest.approx(published, abs=5e-8)


def test_two_predictors_divide_alike_by_both_methods() -> None:
    matrix = _random(2, seed=3)
    assert lmg(matrix) == pytest.approx(relative_weights(matrix))


def test_it_is_the_mean_increase_over_all_orders() -> None:
    matrix = _random(5, seed=1)
    shares, orders = np.zeros(5), list(permutations(range(5)))
    for order in orders:
        explained = 0.0
        for size in range(1, 6):
            chosen = [*order[:size], 5]
            now = float(r_squared(matrix[np.ix_(chosen, chosen)]))
            shares[order[size - 1]] += (now - explained) / len(orders)
            explained = now
    assert lmg(matrix) == pytest.approx(shares)


@given(st.integers(2, 8), st.integers(0, 10_000))
def test_shares_are_parts_of_r2(p: int, seed: int) -> None:
    matrix = _random(p, seed)
    for shares in (lmg(matrix), relative_weights(matrix)):
        assert (shares >= -1e-12).all()
        assert shares.sum() == pytest.approx(float(r_squared(matrix)))
    order = np.random.default_rng(seed).permutation(p)
    turned = [*order, p]
    assert lmg(matrix[np.ix_(turned, turned)]) == pytest.approx(lmg(matrix)[order])


def test_independent_predictors_have_their_squared_correlations() -> None:
    matrix = np.eye(4)
    matrix[3, :3] = matrix[:3, 3] = [0.5, -0.3, 0.1]
    for shares in (lmg(matrix), relative_weights(matrix), standardised_slopes(matrix) ** 2):
        assert shares == pytest.approx([0.25, 0.09, 0.01])


def test_the_same_predictor_twice_shares_in_half() -> None:
    matrix = np.array([[1.0, 1.0, 0.6], [1.0, 1.0, 0.6], [0.6, 0.6, 1.0]])
    for shares in (lmg(matrix), relative_weights(matrix)):
        assert shares == pytest.approx([0.18, 0.18])


def test_many_matrices_at_once() -> None:
    stack = np.stack([_random(6, seed) for seed in range(7)])
    assert lmg(stack) == pytest.approx(np.stack([lmg(each) for each in stack]))
    assert relative_weights(stack) == pytest.approx(np.stack([relative_weights(each) for each in stack]))


def test_the_exact_method_goes_as_far_as_it_can() -> None:
    assert method_for(MOST_EXACT) == "lmg"
    assert method_for(MOST_EXACT + 1) == "relative_weights"
    few, many = _random(MOST_EXACT, seed=5), _random(MOST_EXACT + 1, seed=5)
    assert shares_of_r2(few) == pytest.approx(lmg(few))
    assert shares_of_r2(many) == pytest.approx(relative_weights(many))
    assert lmg(few).sum() == pytest.approx(float(r_squared(few)))


def test_what_is_no_correlation_matrix() -> None:
    with pytest.raises(ValueError, match="outcome last"):
        shares_of_r2(np.ones((2, 3)))


def test_errors_of_measurement_are_taken_out() -> None:
    true = _random(3, seed=8)
    reliability = np.array([0.9, 0.8, 0.95])
    shrunk = true * np.outer(np.append(np.sqrt(reliability), 1), np.append(np.sqrt(reliability), 1))
    np.fill_diagonal(shrunk, 1.0)
    assert float(r_squared(shrunk)) < float(r_squared(true))
    assert disattenuated(shrunk, reliability) == pytest.approx(true)
    assert disattenuated(_full(CARS), np.full(4, 0.5)) is None
