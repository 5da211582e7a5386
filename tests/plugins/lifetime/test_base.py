"""The registered models of purchases: the contract, histories in, and what they say of their fit."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest

from crmlab.errors import ParamsError
from crmlab.estimators import Estimator
from crmlab.testing import parametrize_with_checks
from crmlab.value.offers import TellsPurchases
from crmlab_plugins.lifetime.base import BuyTillYouDie
from crmlab_plugins.lifetime.bg_nbd import BgNbd, BgNbdModel
from crmlab_plugins.lifetime.cnbd import BgCnbdModel, MbgCnbdModel
from crmlab_plugins.lifetime.estimates import grain_warnings
from crmlab_plugins.lifetime.mbg_nbd import MbgNbdModel

AS_OF = date(2024, 12, 31)
TRUE = BgNbd(r=0.8, alpha=40.0, a=0.8, b=3.0)


def histories(count: int, seed: int = 1) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    total = rng.integers(200, 700, count).astype(float)
    x, t_x = TRUE.draw_histories(rng, total)
    return pl.DataFrame(
        {
            "customer_id": [f"c{i:05}" for i in range(count)],
            "repeat_purchase_days": x.astype(int),
            "first_to_last_purchase_days": np.floor(t_x).astype(int),
            "days_since_first_order": total.astype(int),
        }
    )


def fitted(model: BuyTillYouDie, features: pl.DataFrame) -> BuyTillYouDie:
    orders = pl.LazyFrame(
        schema={"customer_id": pl.String, "day": pl.Int64, "amount_hundredths": pl.Int64},
    )
    return model.fit({"orders": orders}, features, AS_OF)


@parametrize_with_checks([BgNbdModel(), MbgNbdModel(), BgCnbdModel(), MbgCnbdModel(k=2)])
def test_contract(estimator: Estimator, check: Callable[[Estimator], None]) -> None:
    check(estimator)


@pytest.mark.parametrize("model", [BgNbdModel(), MbgNbdModel(), BgCnbdModel(k=2), MbgCnbdModel(k=2)])
def test_it_tells_purchases(model: BuyTillYouDie) -> None:
    features = histories(400)
    fitted(model, features)
    assert isinstance(model, TellsPurchases)
    expected = model.expected_purchases(features, [30, 365])
    assert expected.shape == (2, 400)
    assert (expected[1] > expected[0]).all()
    now, later = model.probability_alive(features), model.probability_alive(features, 90)
    assert (later <= now).all()
    assert (later < now).any()
    counts = model.count_probabilities(np.array([10.0, 200.0]), 2000)
    assert counts.sum(axis=1) == pytest.approx([1, 1])
    assert counts @ np.arange(2001) == pytest.approx(model.expected_of_new(np.array([10.0, 200.0])))
    densities = model.heterogeneity()
    assert sorted(densities["kind"].unique()) == ["dropout", "purchases_per_week"]
    assert densities["density"].is_finite().all()


def test_customers_without_a_purchase_have_no_score() -> None:
    features = pl.concat(
        [
            histories(200),
            pl.DataFrame({"customer_id": ["new"]}, schema={"customer_id": pl.String}).with_columns(
                pl.lit(None, pl.Int64).alias(name) for name in histories(1).columns[1:]
            ),
        ]
    )
    scores = fitted(BgNbdModel(), features).predict(features)
    assert scores.filter(pl.col("customer_id") == "new").row(0)[1:] == (None, None)
    assert scores.filter(pl.col("customer_id") != "new").null_count().row(0) == (0, 0, 0)


def test_nobody_has_bought() -> None:
    model = fitted(BgNbdModel(), histories(5).clear())
    assert model.verdicts()[0].en.startswith("No customer has a paid order")
    assert model.parameter_table().height == 0
    assert model.fit_measures == {}
    assert model.predict(histories(3))["expected_purchases"].null_count() == 3
    assert model.draw_totals(histories(3), 30, 2, 1).tolist() == [0, 0]


def test_everybody_has_bought_today_for_the_first_time() -> None:
    today = histories(5).with_columns(
        pl.lit(0).cast(pl.Int64).alias(name) for name in histories(1).columns[1:]
    )
    model = fitted(BgNbdModel(), today)
    assert "统计日当天首次购买" in model.verdicts()[0].zh
    assert model.predict(today)["expected_purchases"].null_count() == 5


def test_the_state_is_small_json_that_scores_anybody() -> None:
    model = fitted(BgNbdModel(), histories(500))
    text = json.dumps(model.learned)
    assert len(text) < 2000
    other = BgNbdModel()
    for name, value in json.loads(text).items():
        setattr(other, name, value)
    strangers = histories(50, seed=9)
    assert other.predict(strangers).equals(model.predict(strangers))


def test_parameters_are_shown_in_weeks_and_measures_agree() -> None:
    features = histories(800)
    model = fitted(BgNbdModel(), features)
    table = {row["name"]: row for row in model.parameter_table().iter_rows(named=True)}
    assert list(table) == ["r", "alpha", "a", "b"]
    assert table["alpha"]["low"] < TRUE.parameters["alpha"] / 7 < table["alpha"]["high"]
    x, t_x, total = (
        features[name].to_numpy() / unit for name, unit in zip(features.columns[1:], (1, 7, 7), strict=True)
    )
    weekly = BgNbd(**{name: row["value"] for name, row in table.items()})
    measures = model.fit_measures
    assert measures["log_likelihood"] == pytest.approx(weekly.log_likelihood(x, t_x, total).sum())
    assert measures["aic"] == pytest.approx(8 - 2 * measures["log_likelihood"])
    assert measures["bic"] == pytest.approx(4 * np.log(800) - 2 * measures["log_likelihood"])


@pytest.mark.parametrize("most", [20_000, 500])
def test_totals_are_drawn_around_what_is_expected(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr("crmlab_plugins.lifetime.simulation.SIMULATED", most)
    features = histories(2000)
    model = fitted(BgNbdModel(), features)
    totals = model.draw_totals(features, 180, 300, seed=3)
    assert (totals == model.draw_totals(features.sample(fraction=1, shuffle=True, seed=2), 180, 300, 3)).all()
    expected = model.expected_purchases(features, [180]).sum()
    assert abs(totals.mean() - expected) < 4 * totals.std() / np.sqrt(300)
    # Neither the parameters' uncertainty alone nor that of what customers do alone.
    futures = [
        BgNbd(**model.fit_["parameters"])  # type: ignore[index]
        .draw_future(np.random.default_rng(seed), *_history(features), 180.0)
        .sum()
        for seed in range(100)
    ]
    assert np.std(futures) * 0.9 < totals.std() < np.std(futures) * 2.5


def test_an_evaluation_judges_by_what_came_after() -> None:
    rng = np.random.default_rng(5)
    rows: list[dict[str, Any]] = []
    for customer in range(300):
        day, end, rate = int(rng.integers(0, 100)), 600, rng.gamma(1.0, 1 / 30)
        clock = float(day)
        while clock < end:
            rows.append({"customer_id": f"c{customer:03}", "day": int(clock), "amount_hundredths": 100})
            if rng.random() < 0.1:
                break
            clock += rng.exponential(1 / rate)
    start = (date(2023, 1, 1) - date(1970, 1, 1)).days
    orders = pl.DataFrame(rows).with_columns(pl.col("day") + start).lazy()
    report = BgNbdModel().evaluate({"orders": orders}, date(2024, 1, 1))
    assert report["metric"].to_list() == ["mean_absolute_error", "mean_squared_error", "bias_per_customer"]
    error = report.row(0, named=True)
    assert error["low"] < error["value"] < error["high"]
    assert error["value"] < error["baseline"]


def test_days_cut_to_weeks_are_warned_of() -> None:
    features = histories(100)
    assert grain_warnings(features) == []
    cut = features.with_columns(pl.col("first_to_last_purchase_days") // 7 * 7)
    assert "整周" in grain_warnings(cut)[0].zh
    assert any("whole weeks" in text.en for text in fitted(BgNbdModel(), cut).verdicts())


def test_parameters_are_checked() -> None:
    with pytest.raises(ParamsError, match="horizon_days is 0"):
        fitted(BgNbdModel(horizon_days=0), histories(10))
    with pytest.raises(ParamsError, match="k is 9"):
        fitted(BgCnbdModel(k=9), histories(10))
    with pytest.raises(ParamsError, match="explains itself"):
        fitted(BgNbdModel(covariates=["repeat_purchase_days"]), histories(10))


def _history(features: pl.DataFrame) -> tuple[Any, Any, Any]:
    x, t_x, total = (features[name].cast(pl.Float64).to_numpy() for name in features.columns[1:])
    return x, t_x, total
