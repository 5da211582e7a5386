"""Resampled sums: they are what resampling rows would give, and intervals cover the truth of the model."""

from __future__ import annotations

import numpy as np
import pytest

from crmlab.data.samples import parameters as truth
from crmlab.drivers.resampling import correlations, percentile_interval, products, resampled_sums
from crmlab.drivers.shares import lmg

Array = np.ndarray
WEIGHTS = np.array(list(truth.DRIVERS.values()))


def _answers(rng: np.random.Generator, n: int) -> Array:
    """Draw answers about the drivers, and the NPS, as the generated company does; the score last."""
    felt = rng.standard_normal((n, len(WEIGHTS)))
    satisfaction = truth.INTERCEPT + felt @ WEIGHTS + truth.NOISE * rng.standard_normal(n)
    heard = felt + truth.ANSWER_NOISE * rng.standard_normal(felt.shape)
    places = [np.searchsorted(truth.DRIVER_CUTS, heard), np.searchsorted(truth.NPS_CUTS, satisfaction)]
    return np.column_stack(places).astype(float)


def _shares(values: Array) -> Array:
    return lmg(correlations(products(values).sum(axis=0), values.shape[1]))


def test_correlations_come_from_sums() -> None:
    values = _answers(np.random.default_rng(0), 200)
    assert correlations(products(values).sum(axis=0), 6) == pytest.approx(np.corrcoef(values.T))


def test_a_constant_correlates_with_nothing() -> None:
    values = np.column_stack([np.full(20, 3.3), np.arange(20.0), np.arange(20.0) ** 2])
    found = correlations(products(values).sum(axis=0), 3)
    assert found[0].tolist() == [1.0, 0.0, 0.0]
    assert found[1, 2] == pytest.approx(np.corrcoef(values[:, 1:].T)[0, 1])


def test_resamples_draw_as_many_and_vary_as_they_should() -> None:
    values = np.random.default_rng(1).normal(size=400)
    sums = resampled_sums(np.column_stack([np.ones(400), values]), None, 3000, seed=2)
    assert (sums[:, 0] == 400).all()
    spread = np.std(sums[:, 1] / 400)
    assert spread == pytest.approx(values.std() / 20, rel=0.06)
    assert resampled_sums(values[:, None], None, 50, seed=2).tobytes() == (
        resampled_sums(values[:, None], None, 50, seed=2).tobytes()
    )


def test_customers_are_drawn_with_all_their_answers() -> None:
    values = np.random.default_rng(3).normal(size=200)
    copied = np.repeat(np.arange(200), 3)
    rows = np.column_stack([np.ones(600), values[copied]])
    sums = resampled_sums(rows, copied, 3000, seed=4)
    assert (sums[:, 0] % 3 == 0).all()
    assert np.std(sums[:, 1] / sums[:, 0]) == pytest.approx(values.std() / np.sqrt(200), rel=0.06)


def test_columns_of_many_zeros_are_resampled_as_others_are() -> None:
    rng = np.random.default_rng(5)
    mentioned = np.where(rng.random((300, 12)) < 0.1, rng.choice([-1.0, 1.0], size=(300, 12)), 0.0)
    among_others = np.column_stack([mentioned, np.ones((300, 12))])
    whose = rng.integers(0, 80, 300)
    for cluster in (None, whose):
        alone = resampled_sums(mentioned, cluster, 40, seed=6)
        assert np.array_equal(alone, resampled_sums(among_others, cluster, 40, seed=6)[:, :12])
        assert alone.any(axis=0).all()


def test_intervals_hold_the_true_shares_as_often_as_they_say() -> None:
    """The weights of the generated company imply shares; each interval holds its own 19 times in 20."""
    rng = np.random.default_rng(0)
    sums = sum(products(_answers(rng, 100_000)).sum(axis=0) for _ in range(10))
    true = lmg(correlations(np.asarray(sums), 6))
    assert (np.diff(true) < 0).all()  # in the order of the weights
    hits, runs = np.zeros(len(true)), 150
    for seed in range(runs):
        values = products(_answers(np.random.default_rng(seed + 1), 300))
        draws = lmg(correlations(resampled_sums(values, None, 500, seed), 6))
        low, high = percentile_interval(draws)
        hits += (low <= true) & (true <= high)
    assert 0.92 <= hits.mean() / runs <= 0.98
    assert (hits / runs >= 0.88).all()


def test_large_samples_find_the_order_of_the_weights() -> None:
    found = [np.argsort(-_shares(_answers(np.random.default_rng(seed), 2000))).tolist() for seed in range(20)]
    assert sum(order == [0, 1, 2, 3, 4] for order in found) >= 18
