"""Gamma-Gamma: published estimates, exact derivatives, and what it refuses to say."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.errors import ParamsError
from crmlab_plugins.lifetime.gamma_gamma import GammaGammaSpend
from crmlab_plugins.lifetime.parametric import fit_of
from crmlab_plugins.lifetime.spend import SAMPLE, GammaGamma, maximum, objective

PUBLISHED = GammaGamma(p=6.25, q=3.74, v=15.44)
"""Fader & Hardie 2013, note 025."""


def _features(x: list[float], m: list[float | None]) -> pl.DataFrame:
    ids = [f"c{place:05}" for place in range(len(x))]
    return pl.DataFrame({"customer_id": ids, "repeat_purchase_days": x, "repeat_day_value": m})


def _drawn(process: GammaGamma, customers: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.geometric(0.3, customers).astype(np.float64)
    return x, process.draw_averages(rng, x)


FIRST_TEN = [24.65, 18.91, 35.17, 35.17, 35.17, 71.46, 18.91, 35.17, 27.28, 35.17]
"""What the first ten customers of CDNOW are expected to spend, as published with its data."""


def _sample(shared_data: Path) -> pl.DataFrame:
    """Return x and the average of every tenth customer of CDNOW until 1997-09-30.

    The publications count orders of nothing as purchases.
    """
    lines = (shared_data / "cdnow" / "CDNOW_sample.txt").read_text(encoding="ascii").splitlines()
    rows = [(int(i), day, float(amount)) for _, i, day, _, amount in map(str.split, lines)]
    orders = pl.DataFrame(rows, schema=["id", "day", "amount"], orient="row").filter(
        pl.col("day") <= "19970930"
    )
    days = orders.group_by("id", "day").agg(pl.col("amount").sum()).sort("id", "day")
    repeats = days.group_by("id", maintain_order=True).agg(
        x=pl.len() - 1.0, m=pl.col("amount").slice(1).mean()
    )
    return repeats.with_columns(pl.col("m").fill_null(0.0))


def test_cdnow_from_its_orders(shared_data: Path) -> None:
    """The parameters and log-likelihood of CLVTools."""
    sample = _sample(shared_data)
    assert sample.height == 2357
    assert sample["x"].sum() == 2457
    repeat = sample.filter(pl.col("m") > 0)
    best = maximum(repeat["x"].to_numpy(), repeat["m"].to_numpy())
    # The published digits stop a hair before the maximum: the log-likelihood is flat there.
    assert np.exp(best.estimate) == pytest.approx([6.249492, 3.744204, 15.443627], rel=2e-5)
    assert np.exp(best.estimate).round(2).tolist() == [6.25, 3.74, 15.44]
    assert round(best.value, 4) == -4055.9177
    m = repeat["m"]
    assert m.len() == 946
    assert [round(figure) for figure in (m.mean(), m.std(), m.min(), m.median(), m.max())] == [
        *(35, 30, 3, 27, 300)  # type: ignore[arg-type]
    ]
    told = GammaGamma.of(np.exp(best.estimate)).expected_average(
        *sample.select("x", "m").head(10).to_numpy().T
    )
    assert told == pytest.approx(FIRST_TEN, abs=0.01)


def test_cdnow_of_two_decimals(shared_data: Path) -> None:
    summary = pl.read_csv(shared_data / "cdnow" / "cdnow_customers_summary_with_transactions.csv")
    repeat = summary.filter(pl.col("x") > 0)
    best = maximum(repeat["x"].cast(pl.Float64).to_numpy(), repeat["zbar"].to_numpy())
    assert np.exp(best.estimate) == pytest.approx([6.2487, 3.7446, 15.4479], abs=3e-4)
    assert round(best.value, 4) == -4055.9232
    first = summary.head(10)
    told = GammaGamma.of(np.exp(best.estimate)).expected_average(
        first["x"].cast(pl.Float64).to_numpy(), first["zbar"].to_numpy()
    )
    assert told == pytest.approx(FIRST_TEN, abs=0.01)


@given(st.lists(st.floats(-1.5, 2.5), min_size=3, max_size=3))
def test_derivatives_are_exact(logs: list[float]) -> None:
    x, m = _drawn(PUBLISHED, 40)
    evaluate, at, step = objective(x, m), np.array(logs), 1e-5
    value, gradient, hessian = evaluate(at)
    sides = [(evaluate(at + step * unit), evaluate(at - step * unit)) for unit in np.eye(3)]
    slopes = [(up[0] - down[0]) / (2 * step) for up, down in sides]
    bends = [(up[1] - down[1]) / (2 * step) for up, down in sides]
    assert gradient == pytest.approx(slopes, rel=1e-5, abs=1e-4)
    assert hessian == pytest.approx(np.array(bends), rel=1e-5, abs=1e-4)
    assert np.array_equal(hessian, hessian.T)
    assert value == pytest.approx(GammaGamma.of(np.exp(at)).log_likelihood(x, m).sum(), rel=1e-10)


def test_truth_lies_within_the_errors() -> None:
    x, m = _drawn(PUBLISHED, 3 * SAMPLE)
    best = maximum(x, m)
    fit = fit_of(GammaGamma, best, x.size, x.sum())
    assert best.converged
    assert (np.abs(fit.process.values - PUBLISHED.values) < 3 * fit.standard_errors).all()
    covariance = np.array(fit.covariance)
    assert np.array_equal(covariance, covariance.T)


def test_the_start_from_a_part_leads_to_the_same_place() -> None:
    x, m = _drawn(PUBLISHED, 3 * SAMPLE)
    turned = maximum(x[::-1], m[::-1])
    assert np.exp(maximum(x, m).estimate) == pytest.approx(np.exp(turned.estimate), rel=1e-6)


@given(st.floats(0.001, 1000))
def test_the_currency_only_scales(rate: float) -> None:
    x, m = _drawn(PUBLISHED, 300)
    plain, scaled = (np.exp(maximum(x, m * factor).estimate) for factor in (1.0, rate))
    assert scaled == pytest.approx(plain * [1, 1, rate], rel=1e-4)


def test_simulated_spend_is_as_expected() -> None:
    x = np.repeat([0.0, 1.0, 6.0], 60_000)
    m = np.repeat([0.0, 20.0, 90.0], 60_000)
    spend = PUBLISHED.draw_spend(np.random.default_rng(3), x, m, np.full(x.size, 2.0))
    means = spend.reshape(3, -1).mean(axis=1) / 2
    assert means == pytest.approx(PUBLISHED.expected_average(x[::60_000], m[::60_000]), rel=0.01)


def test_slopes_of_the_average_are_exact() -> None:
    x, m, step = np.array([0.0, 1, 9]), np.array([0.0, 20, 90]), 1e-6
    slopes = PUBLISHED.gradient(x, m)
    for place, unit in enumerate(np.eye(3)):
        up, down = (
            np.log(GammaGamma.of(PUBLISHED.values * np.exp(sign * step * unit)).expected_average(x, m))
            for sign in (1, -1)
        )
        assert slopes[place] == pytest.approx((up - down) / (2 * step), abs=1e-6)


def test_who_bought_once_has_the_mean_and_who_was_refunded_has_none() -> None:
    x, m = _drawn(PUBLISHED, 500)
    features = _features([0.0, 2.0, *x], [None, None, *m])
    model = GammaGammaSpend().fit({}, features, date(2024, 6, 30))
    scores = model.predict(features)["expected_value"]
    assert model.fitted is not None
    assert scores[0] == pytest.approx(model.fitted.process.mean)
    assert scores[1] is None
    assert model.refunded_ == 1
    assert "1" in model.verdicts()[-1].en
    low, high = model.interval(features)
    assert low[0] < scores[0] < high[0]
    assert model.parameter_table()["name"].to_list() == ["p", "q", "v"]


def test_a_mean_that_does_not_exist_is_refused_in_words() -> None:
    x, m = _drawn(GammaGamma(p=2.0, q=0.6, v=10.0), 3000)
    features = _features(x.tolist(), m.tolist())
    model = GammaGammaSpend().fit({}, features, date(2024, 6, 30))
    assert model.fitted is not None
    assert model.fitted.process.parameters["q"] < 1
    assert model.predict(features)["expected_value"].null_count() == features.height
    assert "≤ 1" in model.verdicts()[0].en
    assert "≤ 1" in model.verdicts()[0].zh


def test_a_mean_that_hardly_exists_is_warned_of() -> None:
    x, m = _drawn(GammaGamma(p=2.0, q=1.08, v=10.0), 300, seed=4)
    model = GammaGammaSpend().fit({}, _features(x.tolist(), m.tolist()), date(2024, 6, 30))
    assert any("contains 1" in verdict.en or "≤ 1" in verdict.en for verdict in model.verdicts())


@pytest.mark.parametrize(
    ("x", "m"), [([1.0] * 5, [3.0, 4, 5, 6, 7]), ([2.0] * 9, [10.0] * 9), ([0.0] * 50, [None] * 50)]
)
def test_too_little_is_said_in_words(x: list[float], m: list[float | None]) -> None:
    features = _features(x, m)
    model = GammaGammaSpend().fit({}, features, date(2024, 6, 30))
    assert model.fitted is None
    assert model.predict(features)["expected_value"].is_null().all()
    assert "repeat buyers" in model.verdicts()[0].en


def test_extreme_amounts_are_stable() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(1, 900, 200).astype(np.float64)
    m = np.exp(rng.normal(0, 4, 200)) * 1e6
    best = maximum(x, m)
    assert np.isfinite(best.value)
    assert np.isfinite(best.estimate).all()


def test_a_holdout_of_no_days_is_refused() -> None:
    with pytest.raises(ParamsError, match="holdout_days is 0"):
        GammaGammaSpend.from_params({"holdout_days": 0})


def test_one_price_is_what_everybody_will_spend() -> None:
    """Sums of cents may differ in their last bit, and still are one price."""
    features = _features([2.0] * 12 + [0.0, 1.0], [*[9.9] * 11, 0.1 * 99, None, None])
    model = GammaGammaSpend().fit({}, features, date(2024, 6, 30))
    told = model.predict(features)["expected_value"]
    assert told.head(13).to_list() == pytest.approx([9.9] * 13)
    assert told[13] is None
    assert "9.90" in model.verdicts()[0].en
    assert "9.90" in model.verdicts()[0].zh


def test_a_ridge_along_two_parameters_together_is_said() -> None:
    """Where p and v may grow together the covariance that is cut off hides it."""
    from crmlab_plugins.lifetime.maximise import Maximum

    # Known but for one direction, in which all three take part alike.
    axis = np.ones(3) / np.sqrt(3)
    hessian = -(1000 * (np.eye(3) - np.outer(axis, axis)) + 0.12 * np.outer(axis, axis))
    found = Maximum(np.zeros(3), -1.0, hessian, 5, converged=True, gain=0.0)
    verdict = fit_of(GammaGamma, found, 100, 200).verdict
    assert verdict is not None
    assert "p, q, v" in verdict.en
