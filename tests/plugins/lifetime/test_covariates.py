"""Static covariates: their coding, effects that come back, and customers whose values are new."""

from __future__ import annotations

import json
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from crmlab.errors import ParamsError
from crmlab_plugins.lifetime.bg_nbd import BgNbd, BgNbdModel
from crmlab_plugins.lifetime.covariates import Coding, CovariateFit, fit_covariates
from crmlab_plugins.lifetime.fitting import fit
from crmlab_plugins.lifetime.pareto_nbd import ParetoNbdModel

SHIFTS = BgNbdModel.shifts


def customers(count: int, seed: int) -> pl.DataFrame:
    """Customers of whom those of the channel app buy e^0.8 as often, and the older leave more readily."""
    rng = np.random.default_rng(seed)
    app = rng.random(count) < 0.4
    age = rng.normal(40, 10, count).round()
    total = rng.integers(200, 700, count).astype(float)
    older = np.rint((age - age.mean()) / age.std(ddof=1) * 4) / 4
    x, t_x = np.zeros(count), np.zeros(count)
    for at in range(count):
        process = BgNbd(r=0.9, alpha=40 * np.exp(-0.8 * app[at]), a=0.9 * np.exp(0.4 * older[at]), b=3.0)
        one, last = process.draw_histories(rng, total[at : at + 1])
        x[at], t_x[at] = one[0], last[0]
    return pl.DataFrame(
        {
            "customer_id": [f"c{at:04}" for at in range(count)],
            "repeat_purchase_days": x.astype(int),
            "first_to_last_purchase_days": t_x.astype(int),
            "days_since_first_order": total.astype(int),
            "channel": np.where(app, "app", "shop"),
            "age": age,
        }
    )


@pytest.fixture(scope="module")
def known() -> pl.DataFrame:
    return customers(1500, 1)


@pytest.fixture(scope="module")
def model(known: pl.DataFrame) -> BgNbdModel:
    return BgNbdModel(covariates=["channel", "age"]).fit({}, known, date(2024, 12, 31))


def test_columns_are_coded(known: pl.DataFrame) -> None:
    coding = Coding.learn(known, ["channel", "age"])
    assert coding.terms == ["channel=app", "age"]
    assert Coding(json.loads(json.dumps(coding.columns))) == coding
    z = coding.encode(known)
    assert set(z[:, 0]) == {0.0, 1.0}
    assert abs(z[:, 1].mean()) < 0.02
    assert z[:, 1].std() == pytest.approx(1, abs=0.01)
    other = known.head(3).with_columns(
        channel=pl.Series(["phone", None, "app"]), age=pl.Series([None, 40.0, 50.0])
    )
    assert coding.encode(other)[:2, 0].tolist() == [0, 0]
    assert coding.encode(other)[0, 1] == 0
    assert coding.unknown(other) == {"channel": 2, "age": 1}
    assert coding.unknown(known) == {}


def test_too_many_levels_are_refused() -> None:
    with pytest.raises(ParamsError, match="60 levels"):
        Coding.learn(pl.DataFrame({"kind": [str(at) for at in range(60)]}), ["kind"])


@pytest.mark.parametrize("value", ["x", 5, None, float("nan")])
def test_a_covariate_that_tells_nothing_is_left_out_and_told(known: pl.DataFrame, value: object) -> None:
    some = known.head(200).with_columns(same=pl.lit(value))
    model = BgNbdModel(covariates=["same"]).fit({}, some, date(2024, 12, 31))
    assert any("left out: same" in text.en for text in model.verdicts())
    assert any("未使用：same" in text.zh for text in model.verdicts())
    plain = BgNbdModel().fit({}, some, date(2024, 12, 31))
    assert model.predict(some).equals(plain.predict(some))


@pytest.mark.parametrize("kind", [BgNbdModel, ParetoNbdModel])
def test_each_customer_is_simulated_with_his_own_parameters(
    known: pl.DataFrame, kind: type[BgNbdModel | ParetoNbdModel]
) -> None:
    some = known.head(60)
    model = kind(covariates=["channel"]).fit({}, known.head(300), date(2024, 12, 31))
    fitted = model.fitted()
    z = Coding(model.coding_).encode(some)
    x, t_x, total = (some[name].cast(pl.Float64).to_numpy() for name in known.columns[1:4])
    together = fitted.of_each(z)
    alive = [
        fitted.at(pattern).probability_alive(x[at : at + 1], t_x[at : at + 1], total[at : at + 1])[0]
        for at, pattern in enumerate(z)
    ]
    assert together.probability_alive(x, t_x, total) == pytest.approx(alive, rel=1e-9)
    rng = np.random.default_rng(1)
    times = 600
    drawn = sum(together.draw_future(rng, x, t_x, total, 200.0) for _ in range(times)) / times
    told = model.expected_purchases(some, [200])[0]
    assert np.abs(drawn - told).max() < 0.25 * told.max()
    assert drawn.sum() == pytest.approx(told.sum(), rel=0.04)


def test_an_evaluation_takes_features_as_covariates() -> None:
    from crmlab.data.days import with_days
    from crmlab.sample_tables import sample_tables

    tables = {name: with_days(name, table.lazy(), "Asia/Shanghai") for name, table in sample_tables().items()}
    last = tables["orders"].select(pl.col("day").max()).collect().item()
    cutoff = date(1970, 1, 1) + timedelta(days=int(last) - 90)
    report = BgNbdModel(covariates=["average_order_value", "city"]).evaluate(tables, cutoff)
    assert report["value"].is_not_null().all()


def test_effects_come_back(model: BgNbdModel) -> None:
    table = {row["name"]: row for row in model.parameter_table().iter_rows(named=True)}
    assert list(table)[:4] == ["r", "alpha", "a", "b"]
    for name, truth in (("alpha: channel=app", 0.8), ("alpha: age", 0.0), ("a: age", 0.4), ("b: age", 0.0)):
        assert table[name]["low"] < truth < table[name]["high"], name
    assert table["alpha: channel=app"]["low"] > 0.3
    assert table["alpha"]["low"] < 40 / 7 < table["alpha"]["high"]
    assert model.verdicts() == []
    assert model.fit_measures["parameters"] == 10


def test_covariates_raise_the_likelihood_by_what_they_tell(known: pl.DataFrame, model: BgNbdModel) -> None:
    plain = BgNbdModel().fit({}, known, date(2024, 12, 31))
    assert model.fit_measures["aic"] < plain.fit_measures["aic"] - 20


def test_the_likelihood_is_that_of_each_customer(known: pl.DataFrame, model: BgNbdModel) -> None:
    x, t_x, total = (known[name].cast(pl.Float64).to_numpy() for name in known.columns[1:4])
    coding = Coding.learn(known, ["channel", "age"])
    z = coding.encode(known)
    found = fit_covariates(BgNbd, x, t_x, total, z, SHIFTS, coding.terms)
    values = [
        found.at(pattern).log_likelihood(x[at : at + 1], t_x[at : at + 1], total[at : at + 1])[0]
        for at, pattern in enumerate(z)
    ]
    assert found.log_likelihood == pytest.approx(sum(values), rel=1e-10)
    again = CovariateFit.from_dict(BgNbd, json.loads(json.dumps(found.to_dict())))
    assert again.to_dict() == found.to_dict()
    assert len(found.patterns) <= 50
    assert sum(found.shares) == pytest.approx(1)


def test_without_effects_it_is_the_plain_fit(known: pl.DataFrame) -> None:
    x, t_x, total = (known[name].cast(pl.Float64).to_numpy() for name in known.columns[1:4])
    found = fit_covariates(BgNbd, x, t_x, total, np.zeros((known.height, 1)), {}, ["nothing"])
    plain = fit(BgNbd, x, t_x, total)
    assert np.exp(found.estimate) == pytest.approx(plain.process.values, rel=1e-6)
    assert found.log_likelihood == pytest.approx(plain.log_likelihood, rel=1e-12)


def test_new_levels_count_as_the_baseline_and_are_told(known: pl.DataFrame, model: BgNbdModel) -> None:
    some = known.head(5)
    strange = model.predict(some.with_columns(channel=pl.lit("phone")))
    assert "channel 5 customers" in model.verdicts()[-1].en
    assert "channel 5 人" in model.verdicts()[-1].zh
    assert strange.equals(model.predict(some.with_columns(channel=pl.lit("shop"))))
    assert model.verdicts() == []


def test_customers_of_a_channel_share_its_process(known: pl.DataFrame, model: BgNbdModel) -> None:
    twins = (
        known.head(1)
        .select(pl.exclude("channel"))
        .join(pl.DataFrame({"channel": ["app", "shop"]}), how="cross")
    )
    app, in_shop = model.predict(twins)["expected_purchases"]
    assert app > in_shop
    new = model.expected_of_new(np.array([365.0]))
    assert model.count_probabilities(np.array([365.0]), 1500) @ np.arange(1501) == pytest.approx(
        new, rel=1e-6
    )
    assert model.draw_totals(known, 100, 3, 1) == pytest.approx(
        np.full(3, model.expected_purchases(known, [100]).sum()), rel=0.2
    )


def test_impossible_numbers_do_no_harm(known: pl.DataFrame, model: BgNbdModel) -> None:
    one = known.head(1).with_columns(age=pl.lit(1e9))
    far = model.predict(one)
    near = model.predict(one.with_columns(age=pl.lit(95.0)))  # beyond five deviations too
    assert far.equals(near)
    unknown = model.predict(one.with_columns(age=pl.lit(float("nan"))))
    assert unknown.equals(model.predict(one.with_columns(age=pl.lit(None, pl.Float64))))
