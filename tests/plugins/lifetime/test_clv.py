"""Lifetime value: its parts multiplied, discounted as lifetimes does, how sure, and against what came."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import crmlab
from crmlab.errors import ParamsError, UnknownPluginError
from crmlab.lab import Lab
from crmlab_plugins.lifetime.bg_nbd import BgNbd
from crmlab_plugins.lifetime.clv import Clv
from crmlab_plugins.lifetime.clv_uncertainty import total
from crmlab_plugins.lifetime.discounting import schedule, weighted, weighted_purchases
from crmlab_plugins.lifetime.pareto_nbd_process import ParetoNbdProcess
from crmlab_plugins.lifetime.spend import GammaGamma

TODAY = date(2024, 6, 30)
BUYING = ParetoNbdProcess(r=0.8, alpha=40.0, s=0.6, beta=200.0)
SPENDING = GammaGamma(p=6.0, q=4.0, v=60.0)


def _company(customers: int, seed: int = 1) -> pl.DataFrame:
    """Return the features of simulated customers, with what they are."""
    rng = np.random.default_rng(seed)
    age = rng.integers(60, 700, customers).astype(np.float64)
    x, last = BUYING.draw_histories(rng, age)
    t_x = np.minimum(np.ceil(last), age)
    average = pl.Series(SPENDING.draw_averages(rng, x), nan_to_null=True)
    return pl.DataFrame(
        {
            "customer_id": [f"c{place:05}" for place in range(customers)],
            "repeat_purchase_days": x.astype(np.int64),
            "first_to_last_purchase_days": t_x.astype(np.int64),
            "days_since_first_order": age.astype(np.int64),
            "repeat_day_value": average,
        }
    )


def _fitted(features: pl.DataFrame, **params: Any) -> Clv:
    return Clv.from_params({"purchases": "pareto-nbd", **params}).fit({}, features, TODAY)


@pytest.fixture(scope="module")
def company() -> pl.DataFrame:
    return _company(3000)


@pytest.fixture(scope="module")
def model(company: pl.DataFrame) -> Clv:
    return _fitted(company)


@pytest.mark.parametrize("kind", ["bg", "pareto"])
def test_months_of_thirty_days_as_lifetimes_discounts(kind: str) -> None:
    """Σ (E[X(30 i)] − E[X(30 (i − 1))]) / (1 + d)^i over twelve months, to rounding."""
    process = BgNbd(r=0.243, alpha=30.9, a=0.793, b=2.426) if kind == "bg" else BUYING
    rng = np.random.default_rng(0)
    age = rng.integers(1, 700, 4000).astype(np.float64)
    x, last = process.draw_histories(rng, age)
    t_x = np.minimum(np.ceil(last), age)
    ends = np.arange(30.0, 361.0, 30.0)
    factors = 1.01 ** -np.arange(1.0, 13.0)
    expected = process.expected_purchases(x, t_x, age, ends)
    plain = (np.diff(expected, axis=0, prepend=0.0) * factors[:, None]).sum(axis=0)
    quick = weighted_purchases(process, (x, t_x, age), ends, weighted(factors)[None, :])[0]
    assert quick == pytest.approx(plain, rel=1e-12)


def test_the_schedule_ends_with_the_horizon_and_discounts_from_the_middle() -> None:
    ends, factors = schedule(70, 0.1)
    assert ends.tolist() == [30, 60, 70]
    assert factors == pytest.approx([1.1 ** (-15 / 365), 1.1 ** (-45 / 365), 1.1 ** (-65 / 365)])
    assert schedule(30, 0.1)[0].tolist() == [30]
    assert weighted(factors) == pytest.approx([factors[0] - factors[1], factors[1] - factors[2], factors[2]])


def test_value_is_purchases_times_spend_times_margin(company: pl.DataFrame, model: Clv) -> None:
    scores = model.predict(company)
    flat = _fitted(company, annual_discount=0.0).predict(company)
    product = flat["expected_purchases"] * flat["expected_value"]
    assert flat["clv"].to_numpy() == pytest.approx(product.to_numpy(), rel=1e-10)
    ratio = (scores["clv"] / product).to_numpy()
    assert (ratio > 1 / 1.1).all()
    assert (ratio < 1).all()
    third = _fitted(company, margin=0.3).predict(company)
    assert third["clv"].to_numpy() == pytest.approx(0.3 * scores["clv"].to_numpy())
    assert (scores["clv_low"] < scores["clv"]).all()
    assert (scores["clv"] < scores["clv_high"]).all()


def test_a_longer_horizon_is_worth_more_and_no_horizon_most(company: pl.DataFrame) -> None:
    some = company.head(100)
    short, long = (
        _fitted(company, horizon_days=days).predict(some)["clv"].to_numpy() for days in (180, 7300)
    )
    assert (short < long).all()
    endless = _fitted(company).residual_value(some)
    assert endless is not None
    assert (endless["value"] > long).all()
    # After 20 years little is left, at 10 % a year.
    assert endless["value"].to_numpy() == pytest.approx(long, rel=0.25)


def test_the_interval_of_a_value_without_a_horizon_is_that_of_a_long_one(company: pl.DataFrame) -> None:
    some = company.head(100)
    endless = _fitted(company).residual_value(some)
    assert endless is not None
    long = _fitted(company, horizon_days=14_600).predict(some)
    assert (endless["low"] < endless["value"]).all()
    for side in ("low", "high"):
        reach = (endless[side] / endless["value"]).log().to_numpy()
        assert reach == pytest.approx((long[f"clv_{side}"] / long["clv"]).log().to_numpy(), rel=0.1)


def test_a_process_without_a_residual_says_so(company: pl.DataFrame) -> None:
    assert _fitted(company, purchases="bg-nbd").residual_value(company) is None


def test_who_never_bought_and_who_was_refunded_has_no_value(model: Clv) -> None:
    rows = pl.DataFrame(
        {
            "customer_id": ["never", "refunded", "once"],
            "repeat_purchase_days": [None, 2, 0],
            "first_to_last_purchase_days": [None, 40, 0],
            "days_since_first_order": [None, 100, 100],
            "repeat_day_value": pl.Series([None, None, None], dtype=pl.Float64),
        }
    )
    scores = model.predict(rows)
    assert scores["clv"].is_null().to_list() == [True, True, False]
    assert model.total(rows).customers == 1
    assert model.total(rows.head(2)).value == 0


def test_intervals_of_customers_hold_what_is_true_to_expect(company: pl.DataFrame, model: Clv) -> None:
    scores = model.predict(company)
    history = [company[name].cast(pl.Float64).to_numpy() for name in company.columns[1:4]]
    ends, factors = schedule(365, 0.1)
    purchases = weighted_purchases(BUYING, tuple(history), ends, weighted(factors)[None, :])[0]  # type: ignore[arg-type]
    spend = SPENDING.expected_average(history[0], company["repeat_day_value"].fill_null(0.0).to_numpy())
    true = pl.Series(purchases * spend)
    # Customers share the parameters, so that the share of one company may be far from 95 %.
    assert true.is_between(scores["clv_low"] * 0.97, scores["clv_high"] * 1.03).mean() > 0.9


def test_totals_of_many_companies_lie_within_their_intervals() -> None:
    inside, companies = 0, 20
    for seed in range(companies):
        company = _company(300, seed=100 + seed)
        told = _fitted(company, annual_discount=0.0).total(company)
        rng = np.random.default_rng(seed)
        x, t_x, age = (company[name].cast(pl.Float64).to_numpy() for name in company.columns[1:4])
        bought = BUYING.draw_future(rng, x, t_x, age, 365.0)
        m = company["repeat_day_value"].fill_null(0.0).to_numpy()
        inside += told.low <= SPENDING.draw_spend(rng, x, m, bought).sum() <= told.high
    # Below 17 of 20 at 95 % has a chance of 2 %.
    assert inside >= 17


def test_a_total_is_as_sure_as_its_parts() -> None:
    values = np.full(100, 10.0)
    wide = total(values, 100.0**2, 50.0**2)
    narrow = total(values, 0.0, 50.0**2)
    assert wide.low < narrow.low < 1000 < narrow.high < wide.high
    assert wide.parameter_share == pytest.approx(0.8)
    assert narrow.high - narrow.low == pytest.approx(2 * 1.96 * 50, rel=0.01)
    assert total(np.zeros(0), 0.0, 0.0)[:4] == (0, 0, 0, 0)


def test_the_value_at_risk_is_that_of_the_falling(company: pl.DataFrame, model: Clv) -> None:
    now = company.filter(pl.col("days_since_first_order") > 200).head(300)
    # Ninety days ago whoever has bought since is left out of the comparison.
    silent = pl.col("days_since_first_order") - pl.col("first_to_last_purchase_days") > 90
    now = now.filter(silent)
    then = now.with_columns(pl.col("days_since_first_order") - 90)
    losses = model.losses(now, then)
    assert (losses >= 0).all()
    risk = model.at_risk(now, then)
    assert risk.value == pytest.approx(losses.sum())
    assert risk.low < risk.value < risk.high
    assert model.at_risk(now, now).value == 0


def test_state_is_small_and_scores_new_customers(company: pl.DataFrame, model: Clv, tmp_path: Path) -> None:
    model.save(tmp_path / "state")
    assert sum(path.stat().st_size for path in (tmp_path / "state").iterdir()) < 5000
    newcomers = _company(50, seed=9)
    loaded = Clv.load(tmp_path / "state")
    assert loaded.predict(newcomers).equals(model.predict(newcomers))
    assert loaded.total(newcomers) == model.total(newcomers)


def test_covariates_of_the_purchase_model_pass_through(company: pl.DataFrame) -> None:
    some = company.with_columns(channel=pl.Series(["web", "shop"] * 1500))
    model = _fitted(some, purchases_params={"covariates": ["channel"]})
    assert "channel" in model.requires
    scores = model.predict(some)
    assert (scores["clv_low"] < scores["clv_high"]).all()
    assert model.total(some).low < scores["clv"].sum() < model.total(some).high


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"horizon_days": 0}, "horizon_days is 0"),
        ({"annual_discount": -0.5}, "annual_discount is -0.5"),
        ({"margin": 30.0}, "margin is 30.0"),
        ({"margin": 0.0}, "margin is 0.0"),
        ({"purchases": "gamma-gamma"}, "does not tell purchases"),
        ({"spend": "bg-nbd"}, "no score expected_value"),
    ],
)
def test_params_that_make_no_sense_are_refused(params: dict[str, Any], said: str) -> None:
    with pytest.raises(ParamsError, match=said):
        Clv.from_params(params)


def test_a_model_that_is_not_there_is_named() -> None:
    with pytest.raises(UnknownPluginError, match="bg-nbt"):
        Clv.from_params({"purchases": "bg-nbt"})


@pytest.fixture(scope="module")
def lab() -> Lab:
    source = {"source": "sample", "customers": 1000, "seed": 11, "dirt": False}
    return crmlab.open("value", data=[source], as_of="2024-12-31", language="en")


def test_it_beats_going_on_as_so_far(lab: Lab) -> None:
    model = Clv.from_params({"purchases": "pareto-nbd"})
    report = model.evaluate(lab.model_tables(), date(2024, 6, 30))
    rows = {row["metric"]: row for row in report.iter_rows(named=True)}
    error, ranks = rows["mean_absolute_error"], rows["rank_correlation"]
    assert error["high"] < error["baseline"]
    assert ranks["low"] > ranks["baseline"]
    assert abs(rows["total_error"]["value"]) < abs(rows["total_error"]["baseline"])
    assert rows["total_error"]["low"] < rows["total_error"]["value"] < rows["total_error"]["high"]


def test_a_cutoff_with_nothing_after_it_breaks_nothing(lab: Lab) -> None:
    report = Clv().evaluate(lab.model_tables(), date(2024, 12, 31))
    assert report["metric"].to_list() == ["mean_absolute_error", "total_error", "rank_correlation"]


def test_the_definition_states_policy_and_parameters(lab: Lab) -> None:
    said = lab.model("clv", margin=0.25, horizon_days=180).definition()
    for text, words in (
        (said.zh, ("180 天", "25%", "10%", "退款")),
        (said.en, ("180 days", "25%", "refunded")),
    ):
        assert all(word in text for word in words)
