"""The models win-back, uplift-two-model and uplift-transformed on a generated company."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest

import crmlab
from crmlab.data.samples.campaigns import assign
from crmlab.data.samples.draws import Draws
from crmlab.data.samples.lives import draw_lives
from crmlab.data.samples.purchases import draw_orders
from crmlab.errors import ParamsError
from crmlab.lab import Lab
from crmlab.targeting.history import COLUMNS
from crmlab.targeting.offers import TellsUplift
from crmlab.targeting.uplift_curves import uplift_curve
from crmlab_plugins.targeting.past_contacts import past_experiment
from crmlab_plugins.targeting.uplift import TransformedOutcome, TwoModel
from crmlab_plugins.targeting.win_back import SILENT, WinBack

DAY = date(2024, 12, 31)
FIRST = (date(2023, 1, 1) - date(1970, 1, 1)).days


@pytest.fixture(scope="module")
def company() -> Lab:
    source = {"source": "sample", "customers": 2500, "seed": 5, "dirt": False}
    return crmlab.open("segmentation", data=[source], as_of=f"{DAY}", language="en")


@pytest.mark.parametrize("model", [TwoModel(), TransformedOutcome()])
def test_uplift_models_score_buyers_and_say_what_they_learned_from(company: Lab, model: Any) -> None:
    assert isinstance(model, TellsUplift)
    features = company.features(*model.requires)
    fitted = model.clone().fit(company.tables_of(DAY), features, DAY)
    told = fitted.predict(features)["uplift"]
    assert told.null_count() == features["days_since_last_order"].null_count() > 0
    assert told.drop_nulls().is_between(-1, 1).all()
    assert f"{fitted.learned_['contacted']:,}" in fitted.definition().en
    report = fitted.evaluate(company.model_tables(), date(2024, 6, 30))
    rows = {row["metric"]: row for row in report.iter_rows(named=True)}
    assert (
        rows["qini_coefficient"]["low"] < rows["qini_coefficient"]["value"] < rows["qini_coefficient"]["high"]
    )
    assert rows["uplift_at_30"]["baseline"] != 0


@pytest.mark.parametrize("model", [TwoModel(), TransformedOutcome()])
def test_nobody_is_scored_by_what_they_taught(company: Lab, model: Any) -> None:
    """One half is scored, by the outcomes of the other alone; a customer of several campaigns is in one."""
    past = past_experiment(company.tables_of(DAY), DAY, 30)
    assert past is not None
    customers = past.learnable
    before = model.held_out_uplift(customers)
    judged = pl.Series(~np.isnan(before))
    assert not set(customers["customer_id"].filter(judged)) & set(customers["customer_id"].filter(~judged))
    assert judged.mean() == pytest.approx(0.5, abs=0.05)
    own = model.held_out_uplift(customers.with_columns(returned=pl.col("returned") ^ judged))
    other = model.held_out_uplift(customers.with_columns(returned=pl.col("returned") ^ ~judged))
    np.testing.assert_array_equal(own, before)
    assert (other != before)[judged.to_numpy()].any()


def test_a_ranking_that_tells_nothing_is_on_the_diagonal_as_often_as_its_interval_says() -> None:
    """A contact helps everybody alike. Halves that rank each other would miss in 18 of 100."""
    rng, held = np.random.default_rng(8), []
    n = 2500
    for _ in range(100):
        history = {name: rng.gamma(2, 30, n) for name in COLUMNS}
        treated = rng.random(n) < 0.5
        customers = pl.DataFrame(
            {
                "customer_id": [f"{i:05}" for i in range(n)],
                "treated": treated,
                "returned": rng.random(n) < 0.25 + 0.1 * treated,
                "propensity": np.full(n, treated.mean()),
                **history,
            }
        )
        score = TransformedOutcome().held_out_uplift(customers)
        rows = customers.with_columns(score=pl.Series(score).fill_nan(None)).drop_nulls("score")
        arrays = (rows[name].to_numpy() for name in ("returned", "treated", "score", "propensity"))
        found = uplift_curve(*arrays, draws=200).qini_coefficient
        held.append(found.low <= 0 <= found.high)
    assert np.mean(held) >= 0.9


def test_too_few_contacts_are_no_score_and_a_sentence(company: Lab) -> None:
    early = date(2023, 5, 1)  # no window is over yet
    model = TwoModel()
    features = company.features(*model.requires, as_of=early)
    fitted = model.fit(company.tables_of(early), features, early)
    assert fitted.predict(features)["uplift"].null_count() == features.height
    assert "too few contacts" in fitted.definition().en
    assert fitted.evaluate(company.model_tables(), early)["value"].is_nan().all()


def test_win_back_takes_the_uplift_of_the_band(company: Lab) -> None:
    scores = company.score("win-back", contact_cost=2.0, margin=0.5)
    bands = scores.model.learned["bands_"]
    joined = scores.scores.join(company.features(SILENT, "average_order_value"), on="customer_id")
    for band in bands:
        inside = pl.col(SILENT).is_between(band["from_days"], band["to_days"] or 10**6)
        rows = joined.filter(inside).drop_nulls("average_order_value")
        assert rows["uplift"].unique().to_list() == [band["value"]]
        gain = rows["uplift"] * rows["average_order_value"] * 0.5 - 2
        assert rows["expected_gain"].to_list() == pytest.approx(gain.to_list())
        assert f"n={band['contacted'] + band['control']:,}" in scores.model.definition().en
    assert bands[0]["from_days"] == 0
    assert bands[-1]["to_days"] is None


def test_a_loss_times_a_loss_is_no_gain() -> None:
    features = pl.DataFrame(
        {"customer_id": ["a", "b"], SILENT: [100, 100], "average_order_value": [-90.0, 90.0]}
    )
    orders = pl.LazyFrame(schema={"customer_id": pl.String, "day": pl.Int64, "amount_hundredths": pl.Int64})
    told = WinBack(uplift=-0.5).fit({"orders": orders}, features, DAY).predict(features)
    assert told["expected_gain"].to_list() == [-1.0, -46.0]


def test_win_back_takes_the_score_of_a_model_where_told(company: Lab) -> None:
    told = company.score("win-back", uplift_column="uplift-two-model.uplift").scores
    uplift = company.score("uplift-two-model").scores["uplift"]
    assert told["uplift"].drop_nulls().to_list() == uplift.drop_nulls().to_list()


def test_bands_of_few_customers_are_put_together(company: Lab) -> None:
    many = company.model("win-back", recency_bands=list(range(2, 600, 2))).learned["bands_"]
    assert 2 < len(many) < 30
    assert all(min(band["contacted"], band["control"]) >= 100 for band in many)
    ends = [band["to_days"] for band in many[:-1]]
    assert [band["from_days"] for band in many[1:]] == [end + 1 for end in ends]


def test_the_true_uplift_of_each_band_lies_in_its_interval_as_often_as_it_says() -> None:
    held = []
    for seed in range(30):
        draws = Draws(seed, 0)
        lives = draw_lives(2000, draws)
        assigned = assign(lives, np.ones(2000, bool), draws)
        who, day = pl.col("person").cast(pl.String).alias("customer_id"), pl.col("day").cast(pl.Int64) + FIRST
        orders = draw_orders(lives, assigned, draws).select(who, day, amount_hundredths=pl.lit(100, pl.Int64))
        contacts = assigned.select(
            who,
            day,
            campaign_id=pl.col("campaign").cast(pl.String),
            arm=pl.when("treated").then(pl.lit("treatment")).otherwise(pl.lit("control")),
            true=pl.col("p_treated") - pl.col("p_control"),
        )
        tables = {"orders": orders.lazy(), "contacts": contacts.drop("true").lazy()}
        features = contacts.select("customer_id").unique().sort("customer_id")
        features = features.with_columns(pl.lit(1).alias(SILENT), average_order_value=pl.lit(1.0))
        bands = WinBack().fit(tables, features, DAY).learned["bands_"]
        seen = past_experiment(tables, DAY, 30)
        assert seen is not None
        known = seen.learnable.join(contacts, on=["campaign_id", "customer_id"])
        for band in bands:
            inside = pl.col(SILENT).is_between(band["from_days"], band["to_days"] or 10**6)
            each = (
                known.filter(inside)
                .group_by("campaign_id")
                .agg(pl.col("true").mean(), pl.col("treated").sum())
            )
            true = each.select((pl.col("true") * pl.col("treated")).sum() / pl.col("treated").sum()).item()
            held.append(band["low"] <= true <= band["high"])
    assert len(held) >= 90
    assert 0.89 < np.mean(held) <= 0.99


@pytest.mark.parametrize(
    ("params", "word"),
    [
        ({"budget": -1.0}, "budget"),
        ({"budget": float("nan")}, "budget"),
        ({"contact_cost": float("nan")}, "contact_cost"),
        ({"control_share": 1.0}, "control_share"),
        ({"margin": 0.0}, "margin"),
        ({"recency_bands": [90, 30]}, "recency_bands"),
        ({"audience": ["lost"]}, "audience"),
        ({"planned_treated": {"m": 1.0}}, "planned_treated"),
        ({"window_days": 0}, "window_days"),
    ],
)
def test_settings_that_cannot_be_are_named(params: dict[str, Any], word: str) -> None:
    with pytest.raises(ParamsError, match=word):
        WinBack.from_params(params)


def test_settings_of_uplift_models_that_cannot_be_are_named() -> None:
    with pytest.raises(ParamsError, match="penalty"):
        TwoModel.from_params({"penalty": 0})
    with pytest.raises(ParamsError, match="window_days"):
        TransformedOutcome.from_params({"window_days": 0})
