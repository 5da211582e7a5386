"""Estimates, standard errors, intervals and verdicts of a fitted process."""

from __future__ import annotations

import json

import numpy as np
import pytest

from crmlab_plugins.lifetime import fitting
from crmlab_plugins.lifetime.bg_nbd import BgNbd
from crmlab_plugins.lifetime.fitting import Fit, Histories, fit, inverse_information

TRUE = BgNbd(r=0.5, alpha=30.0, a=0.8, b=2.5)


def simulated(count: int, seed: int, process: BgNbd = TRUE) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    total = rng.integers(150, 600, count).astype(float)
    x, t_x = process.draw_histories(rng, total)
    return x, np.floor(t_x), total


def test_weights_stand_for_customers() -> None:
    x, t_x, total = simulated(300, 1)
    twice = fit(BgNbd, *(np.tile(column, 2) for column in (x, t_x, total)))
    weighted = fit(BgNbd, x, t_x, total, weights=np.full(300, 2.0))
    assert twice.to_dict() == weighted.to_dict()
    assert twice.customers == 600
    assert twice.purchases == 2 * x.sum()


def test_the_order_of_customers_changes_no_bit() -> None:
    x, t_x, total = simulated(300, 2)
    mixed = np.random.default_rng(3).permutation(300)
    mixed_up = fit(BgNbd, x[mixed], t_x[mixed], total[mixed])
    assert mixed_up.to_dict() == fit(BgNbd, x, t_x, total).to_dict()


def test_units_change_names_of_numbers_alone() -> None:
    x, t_x, total = simulated(500, 4)
    daily = fit(BgNbd, x, t_x, total).in_units(7)
    weekly = fit(BgNbd, x, t_x / 7, total / 7)
    assert daily.process.values == pytest.approx(weekly.process.values, rel=1e-6)
    assert daily.log_likelihood == pytest.approx(weekly.log_likelihood, rel=1e-12)
    assert daily.standard_errors == pytest.approx(weekly.standard_errors, rel=1e-4)
    assert daily.aic == pytest.approx(8 - 2 * weekly.log_likelihood)


def test_a_subsample_to_start_from_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    x, t_x, total = simulated(3000, 5)
    whole = fit(BgNbd, x, t_x, total)
    monkeypatch.setattr(fitting, "SUBSAMPLE", 300)
    warm = fit(BgNbd, x, t_x, total)
    assert warm.process.values == pytest.approx(whole.process.values, rel=1e-6)
    assert warm.log_likelihood == pytest.approx(whole.log_likelihood, rel=1e-12)


def test_a_subsample_has_its_size() -> None:
    histories = Histories(*(np.arange(4.0),) * 3, np.array([1.0, 10.0, 100.0, 1.0]))
    some = histories.subsample(20)
    assert some.customers == 20
    assert some.weights[some.x == 2] == [18]


def test_covariance_is_symmetric_and_right() -> None:
    found = fit(BgNbd, *simulated(1000, 6))
    covariance = np.array(found.covariance)
    assert np.array_equal(covariance, covariance.T)
    assert found.standard_errors == pytest.approx(np.sqrt(np.diag(covariance)))
    # The inverse of the Hessian of the likelihood in the parameters themselves, by differences.
    x, t_x, total = simulated(1000, 6)
    at, step = found.process.values, found.process.values * 1e-3

    def value(change: np.ndarray) -> float:
        process = BgNbd(**dict(zip(BgNbd.names, at + change, strict=True)))
        return float(process.log_likelihood(x, t_x, total).sum())

    units = np.diag(step)
    curvature = [
        [
            (value(u + v) - value(u - v) - value(v - u) + value(-u - v)) / (4 * step[i] * step[j])
            for j, v in enumerate(units)
        ]
        for i, u in enumerate(units)
    ]
    assert np.linalg.inv(-np.array(curvature)) == pytest.approx(covariance, rel=5e-3)


def test_a_fit_comes_back_from_json() -> None:
    found = fit(BgNbd, *simulated(300, 7))
    again = Fit.from_dict(BgNbd, json.loads(json.dumps(found.to_dict())))
    assert again.to_dict() == found.to_dict()
    assert again.process.parameters == found.process.parameters


def test_intervals_reach_as_far_as_draws_of_the_parameters() -> None:
    found = fit(BgNbd, *simulated(2000, 8))
    times = np.array([100.0, 400.0])
    value, low, high = found.delta_interval(lambda process: process.expected_of_new(times), link="log")
    rng = np.random.default_rng(1)
    draws = np.array([found.draw(rng).expected_of_new(times) for _ in range(2000)])
    assert value == pytest.approx(found.process.expected_of_new(times))
    assert (value - low) / (value - np.quantile(draws, 0.025, axis=0)) == pytest.approx([1, 1], abs=0.15)
    assert (high - value) / (np.quantile(draws, 0.975, axis=0) - value) == pytest.approx([1, 1], abs=0.15)


@pytest.mark.parametrize("link", ["identity", "log", "logit"])
def test_intervals_hold_the_value(link: str) -> None:
    found = fit(BgNbd, *simulated(500, 9))
    history = (np.array([0.0, 3.0]), np.array([0.0, 100.0]), np.array([300.0, 300.0]))
    value, low, high = found.delta_interval(
        lambda process: process.probability_alive(*history),
        link=link,  # type: ignore[arg-type]
    )
    # Who never came back is alive for certain in BG/NBD, whatever the parameters are.
    assert (value[0], low[0], high[0]) == (1, 1, 1)
    assert 0 < low[1] < value[1] < high[1] < 1


def test_dropout_that_nobody_shows_is_not_identified() -> None:
    rng = np.random.default_rng(0)
    total = rng.integers(200, 400, 200).astype(float)
    x, t_x = BgNbd(r=5.0, alpha=50.0, a=1e-4, b=1.0).draw_histories(rng, total)
    found = fit(BgNbd, x, t_x, total)
    assert found.verdict is not None
    assert "Dropout is not identified" in found.verdict.en
    assert "流失无法从数据中识别" in found.verdict.zh
    assert np.isfinite(found.standard_errors).all()
    expected = found.process.expected_purchases(x, t_x, total, 100.0)
    assert expected.sum() == pytest.approx(x.sum() / total.sum() * 100 * 200, rel=0.05)
    value, low, high = found.delta_interval(lambda process: process.expected_of_new(np.array([100.0])))
    assert np.isfinite([value, low, high]).all()


def test_customers_who_all_leave_alike_leave_a_ridge_of_its_own() -> None:
    rng = np.random.default_rng(3)
    total = rng.integers(200, 400, 200).astype(float)
    x, t_x = BgNbd(r=2.0, alpha=50.0, a=3000.0, b=12000.0).draw_histories(rng, total)
    found = fit(BgNbd, x, t_x, total)
    assert found.verdict is not None
    assert "Differences in dropout are not identified: a, b" in found.verdict.en
    a, b = found.process.values[2:]
    assert a / (a + b) == pytest.approx(0.2, abs=0.05)
    assert np.isfinite(found.process.expected_purchases(x, t_x, total, 100.0)).all()


def test_nobody_has_come_back() -> None:
    found = fit(BgNbd, np.zeros(20), np.zeros(20), np.arange(20.0) + 30)
    assert found.verdict is not None
    assert "No customer has bought again" in found.verdict.en
    assert found.process.expected_of_new(np.array([100.0]))[0] < 0.01


def test_a_clean_fit_has_no_verdict() -> None:
    assert fit(BgNbd, *simulated(2000, 11)).verdict is None


def test_customers_are_needed() -> None:
    with pytest.raises(ValueError, match="without customers"):
        fit(BgNbd, [], [], [])


def test_variances_are_cut_off_on_a_ridge() -> None:
    covariance = inverse_information(np.diag([-100.0, 0.0, 3.0]))
    assert np.diag(covariance) == pytest.approx([0.01, fitting.MOST_VARIANCE, fitting.MOST_VARIANCE])
