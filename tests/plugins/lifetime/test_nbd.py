from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import nbinom

from crmlab.value.offers import TellsPurchases
from crmlab_plugins.lifetime.collapse import collapse
from crmlab_plugins.lifetime.fitting import Histories, fit
from crmlab_plugins.lifetime.nbd import NbdModel
from crmlab_plugins.lifetime.nbd_process import NbdProcess
from crmlab_plugins.lifetime.pareto_nbd_process import ParetoNbdProcess

POSITIVE = st.floats(np.log(0.05), np.log(200)).map(np.exp)


def _customers(process: NbdProcess, n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    age = rng.integers(5, 105, n).astype(float)
    return *process.draw_histories(rng, age), age


def test_the_estimate_is_the_one_that_scipy_finds_for_the_counts() -> None:
    x, t_x, age = _customers(NbdProcess(r=0.7, alpha=9.0), 1_000, 1)
    found = fit(NbdProcess, x, t_x, age)

    def minus_log_likelihood(logs: np.ndarray) -> float:
        r, alpha = np.exp(logs)
        return -float(nbinom.logpmf(x, r, alpha / (alpha + age)).sum())

    other = minimize(minus_log_likelihood, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-9})
    assert found.process.values == pytest.approx(np.exp(other.x), rel=1e-5)
    assert found.verdict is None


@given(POSITIVE, POSITIVE)
def test_gradient_and_hessian_are_exact(r: float, alpha: float) -> None:
    x, t_x, age = _customers(NbdProcess(r=0.7, alpha=9.0), 50, 2)
    objective, logs = NbdProcess.objective(Histories(*collapse(x, t_x, age))), np.log([r, alpha])
    value, gradient, hessian = objective(logs)
    told = NbdProcess(r=r, alpha=alpha).log_likelihood(x, t_x, age)
    assert value == pytest.approx(told.sum(), rel=1e-11)
    for at in range(2):
        step = 1e-5 * (np.arange(2) == at)
        up, down = objective(logs + step), objective(logs - step)
        size = 1e-6 * (1 + abs(value))
        assert (up[0] - down[0]) / 2e-5 == pytest.approx(gradient[at], abs=size)
        assert (up[1] - down[1]) / 2e-5 == pytest.approx(hessian[at], abs=size)


def test_true_parameters_lie_within_the_intervals() -> None:
    truth = NbdProcess(r=0.7, alpha=9.0)
    hits = np.zeros(2)
    for seed in range(40):
        found = fit(NbdProcess, *_customers(truth, 1_500, seed))
        apart = np.log(found.process.values) - np.log(truth.values)
        hits += np.abs(apart) < 1.96 * np.sqrt(np.diag(found.log_covariance))
    # 40 draws of 95 %: fewer than 34 have a chance of 1 in 70 per parameter.
    assert (hits >= 34).all(), hits


@given(POSITIVE, POSITIVE, st.floats(0.01, 500))
def test_counts_are_negative_binomial(r: float, alpha: float, t: float) -> None:
    chances = NbdProcess(r=r, alpha=alpha).count_probabilities(np.array([0.0, t]), 30)
    assert chances.shape == (2, 31)
    assert chances[0] == pytest.approx([1] + [0] * 30)
    assert chances[1] == pytest.approx(
        nbinom.pmf(np.arange(31), r, alpha / (alpha + t)), rel=1e-9, abs=1e-290
    )


def test_it_is_the_pareto_nbd_without_dropout() -> None:
    x, t_x, age = _customers(NbdProcess(r=0.7, alpha=9.0), 200, 3)
    plain = NbdProcess(r=0.7, alpha=9.0)
    nobody_leaves = ParetoNbdProcess(r=0.7, alpha=9.0, s=1e-9, beta=100.0)
    assert nobody_leaves.log_likelihood(x, t_x, age) == pytest.approx(
        plain.log_likelihood(x, t_x, age), abs=1e-6
    )
    horizons = np.array([10.0, 52.0])
    told = plain.expected_purchases(x, t_x, age, horizons)
    assert told == pytest.approx(nobody_leaves.expected_purchases(x, t_x, age, horizons), rel=1e-6)
    assert (plain.probability_alive(x, t_x, age, 52.0) == 1).all()
    assert plain.expected_of_new(np.array([18.0])) == pytest.approx([1.4])
    drawn = plain.draw_future(np.random.default_rng(4), x, t_x, age, 52.0)
    assert drawn.sum() == pytest.approx(told[1].sum(), rel=0.1)


def test_the_registered_model() -> None:
    x, t_x, age = _customers(NbdProcess(r=1.2, alpha=60.0), 500, 5)
    features = pl.DataFrame(
        {
            "customer_id": [f"c{n}" for n in range(500)],
            "repeat_purchase_days": x.astype(np.int64),
            "first_to_last_purchase_days": np.floor(t_x).astype(np.int64),
            "days_since_first_order": age.astype(np.int64),
        }
    )
    model = NbdModel(horizon_days=30)
    model.fit({}, features, date(2024, 6, 30))
    assert isinstance(model, TellsPurchases)
    scores = model.predict(features)
    assert (scores["probability_alive"] == 1).all()
    rate = (model.parameter_table()["value"][0] + x) / (7 * model.parameter_table()["value"][1] + age)
    assert scores["expected_purchases"].to_numpy() == pytest.approx(30 * rate)
    assert set(model.heterogeneity()["kind"]) == {"purchases_per_week"}
    assert "恒为 1" in model.definition().zh
