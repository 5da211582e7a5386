"""The churn models on the generated company: honest, calibrated, saved, and better than the baselines."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import crmlab
from crmlab import registry
from crmlab.churn.snapshots import outcomes
from crmlab.errors import ParamsError
from crmlab.estimators import Estimator
from crmlab.lab import Lab
from crmlab.testing import parametrize_with_checks
from crmlab_plugins.churn.models import (
    Churn,
    ChurnAlive,
    ChurnBoosting,
    ChurnLastStatus,
    ChurnLogistic,
    ChurnRecency,
)

DAY = date(2024, 10, 2)
ALL = (ChurnRecency, ChurnLastStatus, ChurnLogistic, ChurnBoosting, ChurnAlive)


@pytest.fixture(scope="module")
def lab() -> Lab:
    return crmlab.open("segmentation", data=[{"source": "sample", "customers": 800}], as_of="2024-12-31")


@pytest.fixture(scope="module")
def said(lab: Lab) -> pl.DataFrame:
    """What each model says on DAY, beside what came after."""
    after = outcomes(lab.model_tables()["orders"], DAY, ChurnLogistic().design)
    for name in ("churn-recency", "churn-last-status", "churn-logistic", "churn-boosting", "churn-alive"):
        scores = lab.model(name, DAY).predict(lab.features(*lab.model(name, DAY).requires, as_of=DAY))
        score = scores.select("customer_id", pl.col("churn_probability").alias(name))
        after = after.join(score, on="customer_id", how="left", maintain_order="left")
    return after


@parametrize_with_checks(
    [
        Churn(model="churn-boosting", lead_days=7, snapshot_days=2),
        Churn(model="churn-alive", value="total_spend"),
    ]
)
def test_contract(estimator: Estimator, check: Callable[[Estimator], None]) -> None:
    check(estimator)


def test_learned_models_beat_recency_on_what_came_after(said: pl.DataFrame) -> None:
    from crmlab.churn.metrics import auc, auc_difference, brier

    y = said["churned"].cast(pl.Float64)
    assert not said.null_count().row(0) > (0,) * said.width, "everybody at risk has a score of every model"
    for name in ("churn-logistic", "churn-boosting"):
        assert auc_difference(y, said[name], said["churn-recency"]).low > 0
        assert brier(y, said[name]).value < brier(y, said["churn-recency"]).value
    assert auc(y, said["churn-last-status"]).value > 0.65
    assert auc(y, said["churn-alive"]).value > 0.75


def test_probabilities_hold_on_average_but_for_the_season(said: pl.DataFrame) -> None:
    # The window ends with the year, when the company sells more than in the windows learned from.
    rate = said["churned"].mean()
    for kind in ("churn-recency", "churn-logistic", "churn-boosting", "churn-alive"):
        assert said[kind].mean() == pytest.approx(rate, abs=0.12)


def test_last_status_knows_two_kinds_of_customers(said: pl.DataFrame) -> None:
    assert said["churn-last-status"].n_unique() == 2


def test_the_gone_have_no_score_and_loss_is_probability_times_worth(lab: Lab) -> None:
    model = lab.model("churn-logistic", margin=0.3, active_days=200)
    features = lab.features(*model.requires)
    scores = model.predict(features).join(features, on="customer_id", maintain_order="left")
    since = scores["days_since_last_order"]
    assert (scores["churn_probability"].is_null() == ~(since <= 200).fill_null(value=False)).all()
    known = scores.drop_nulls("churn_probability")
    worth = known["spend_last_365_days"].clip(lower_bound=0) * 0.3
    assert np.allclose(known["expected_loss"], known["churn_probability"] * worth)


@pytest.mark.parametrize("name", ["churn-logistic", "churn-boosting", "churn"])
def test_what_was_learned_is_saved_and_read_back(lab: Lab, tmp_path: Path, name: str) -> None:
    model: Any = lab.model(name)
    assert model.learner_ is not None
    model.save(tmp_path / "state")
    assert {path.suffix for path in (tmp_path / "state").iterdir()} <= {".json", ".parquet"}
    loaded: Any = registry.models[name].load(tmp_path / "state")
    features = lab.features(*model.requires)
    assert loaded.predict(features).equals(model.predict(features))
    assert np.allclose(loaded.contributions(features), model.contributions(features), equal_nan=True)
    assert loaded.definition() == model.definition()


def test_row_order_and_names_do_not_matter_to_what_is_learned(lab: Lab) -> None:
    from dataclasses import replace

    from crmlab.churn.snapshots import snapshots

    model = ChurnLogistic()
    rows = snapshots(lab.model_tables(), model.inputs, lab.study.as_of, model.design)
    mixed = rows.rows.sample(fraction=1, shuffle=True, seed=3)
    mixed = mixed.with_columns(customer_id=pl.lit("z") + pl.col("customer_id").str.reverse())
    one, other = model.clone().learn(rows), model.clone().learn(replace(rows, rows=mixed))
    assert one.learner_ == other.learner_
    assert one.calibration_ == other.calibration_


def test_the_chosen_model_is_the_one_that_was_chosen(lab: Lab) -> None:
    chosen = lab.score("churn", model="churn-recency").scores
    assert chosen.equals(lab.score("churn-recency").scores)
    assert "最近购买" in lab.model("churn", model="churn-recency").definition().zh


def test_too_little_history_is_said_in_words_not_in_numbers(
    make_lab: Callable[..., Lab], shop: dict[str, str]
) -> None:
    small = make_lab(shop)
    scores = small.score("churn").scores
    assert scores["churn_probability"].null_count() == scores.height
    fitted: Any = small.model("churn")
    assert "至少" in fitted.verdict.zh or "太短" in fitted.verdict.zh
    assert fitted.verdict.zh in fitted.definition().zh
    assert fitted.verdict.en in fitted.definition().en
    one_day: Any = ChurnLogistic(snapshot_days=1)
    assert one_day.verdict is None


def test_one_observation_day_is_not_calibrated_and_says_so(lab: Lab) -> None:
    model: Any = lab.model("churn-recency", snapshot_days=1)
    assert model.calibration_ is None
    assert "未能" in model.verdict.zh
    assert (
        lab.score("churn-recency", snapshot_days=1)
        .scores["churn_probability"]
        .drop_nulls()
        .is_between(0, 1)
        .all()
    )


def test_the_value_of_a_customer_can_be_the_score_of_a_model() -> None:
    lab = crmlab.open(
        "segmentation",
        data=[{"source": "sample", "customers": 300}],
        as_of="2024-12-31",
        models={"churn": {"value": "clv.clv", "model": "churn-recency"}, "clv": {"margin": 0.3}},
    )
    both = lab.score("churn").scores.join(lab.features("clv.clv"), on="customer_id").drop_nulls()
    assert both.height > 100
    assert np.allclose(both["expected_loss"], both["churn_probability"] * both["clv.clv"])


def test_evaluate_is_about_what_came_after(lab: Lab) -> None:
    report = ChurnLogistic().evaluate(lab.model_tables(), DAY)
    area = report.row(0, named=True)
    assert area["metric"] == "auc"
    assert area["low"] < area["value"] < area["high"]
    assert area["value"] > area["baseline"] > 0.7
    nothing = ChurnLogistic().evaluate(lab.model_tables(), date(1990, 1, 1) + timedelta(days=1))
    assert nothing["baseline"].is_not_nan().all()


def test_settings_of_the_study_are_the_models_too(make_lab: Callable[..., Lab], shop: dict[str, str]) -> None:
    lab = make_lab(shop, features={"recent-history": {"days": 5}})
    features = ["days_since_last_order", "recent_orders"]
    as_the_study = lab.model("churn-logistic", features=features)
    assert as_the_study.feature_settings == {"recent-history": {"days": 5}}
    with pytest.raises(ParamsError, match=r"recent_orders.*feature_settings"):
        lab.score("churn-logistic", features=features, feature_settings={})


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"window_days": 0}, "window_days is 0"),
        ({"features": []}, "one or more"),
        ({"margin": 0}, "margin is 0"),
        ({"capacity": 0}, "capacity is 0"),
        ({"success_rate": 1.5}, "success_rate is 1.5"),
        ({"incentive": -1}, "incentive is -1"),
        ({"model": "churn-logit"}, "model"),
    ],
)
def test_wrong_parameters_are_named(params: dict[str, Any], said: str) -> None:
    with pytest.raises(ParamsError, match=said):
        Churn.from_params(params)
