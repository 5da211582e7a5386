"""Learners of uplift: on planted effects, and on a published experiment with 42,693 customers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from crmlab.targeting.effects import difference_of_rates
from crmlab.targeting.uplift_curves import uplift_at, uplift_curve
from crmlab_plugins.targeting.learners import transformed_outcome, two_model, uplift

LEARNERS = [two_model, transformed_outcome]


@pytest.fixture(scope="module")
def mailing(shared_data: Path) -> tuple[Any, Any, Any]:
    """Features, women's mail or none, and visit of the MineThatData challenge (Hillstrom 2008)."""
    table = pl.read_csv(shared_data / "hillstrom" / "hillstrom.csv", infer_schema_length=None)
    rows = table.filter(pl.col("segment") != "Mens E-Mail")
    features = rows.select(
        "recency",
        pl.col("history").log(),
        "mens",
        "womens",
        "newbie",
        *((pl.col("zip_code") == name).cast(pl.Int64).alias(name) for name in ("Rural", "Urban")),
        *((pl.col("channel") == name).cast(pl.Int64).alias(name) for name in ("Web", "Phone")),
    )
    mailed = (rows["segment"] == "Womens E-Mail").to_numpy()
    return features.cast(pl.Float64).to_numpy(), mailed, rows["visit"].to_numpy()


def test_the_average_effect_of_the_womens_mail_is_the_published_one(mailing: tuple[Any, Any, Any]) -> None:
    """15.14 % of 21,387 against 10.62 % of 21,306 visited: +4.52 percentage points."""
    _, mailed, visit = mailing
    arms = int(mailed.sum()), int((~mailed).sum())
    assert arms == (21_387, 21_306)
    found = difference_of_rates(int(visit[mailed].sum()), arms[0], int(visit[~mailed].sum()), arms[1])
    assert round(100 * found.value, 2) == 4.52
    assert (found.low, found.high) == pytest.approx((0.03889, 0.05157), abs=1e-5)


@pytest.mark.parametrize("learn", LEARNERS)
def test_the_ranking_of_either_half_beats_chance_on_the_other(
    learn: Any, mailing: tuple[Any, Any, Any]
) -> None:
    features, mailed, visit = mailing
    half = np.random.default_rng(0).permutation(len(visit)) % 2 == 0
    for own in (half, ~half):
        learned = learn(features[own], mailed[own], visit[own])
        score = uplift(learned, features[~own])
        curve = uplift_curve(visit[~own], mailed[~own], score, draws=200)
        assert curve.qini_coefficient.low > 0.003
        assert curve.auuc.low > curve.average.value / 2
        top = uplift_at(visit[~own], mailed[~own], score, 0.3)
        assert top.low > curve.average.value


def _planted(seed: int, n: int = 6000) -> tuple[Any, Any, Any, Any]:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, 3))
    true = np.where(features[:, 0] > 0, 0.25, -0.05)
    treated = rng.random(n) < 0.7
    return features, treated, rng.random(n) < 0.3 + true * treated, true


@pytest.mark.parametrize("learn", LEARNERS)
def test_a_planted_effect_is_learned(learn: Any) -> None:
    features, treated, outcome, true = _planted(1)
    learned = learn(features, treated, outcome)
    told = uplift(learned, features)
    assert np.corrcoef(told, true)[0, 1] > 0.7
    assert told.mean() == pytest.approx(true.mean(), abs=0.03)
    again = uplift(json.loads(json.dumps(learned)), features)
    assert again.tolist() == told.tolist()


@pytest.mark.parametrize("learn", LEARNERS)
def test_a_propensity_of_its_own_per_customer_takes_the_bias_away(learn: Any) -> None:
    rng = np.random.default_rng(2)
    n = 40_000
    rich = rng.random(n) < 0.5
    share = np.where(rich, 0.9, 0.3)
    treated = rng.random(n) < share
    outcome = rng.random(n) < np.where(rich, 0.5, 0.1)
    blind = rng.normal(size=(n, 1))
    assert uplift(learn(blind, treated, outcome), blind).mean() > 0.1
    assert uplift(learn(blind, treated, outcome, share), blind).mean() == pytest.approx(0, abs=0.05)


def test_a_column_without_variance_is_harmless() -> None:
    features, treated, outcome, _ = _planted(3, 500)
    flat = np.column_stack([features, np.full(500, 7.0)])
    for learn in LEARNERS:
        assert np.isfinite(uplift(learn(flat, treated, outcome), flat)).all()
