"""How churn models learn: encoding, logistic regression, boosted trees, calibration in time."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmlab.errors import PluginError
from crmlab_plugins.churn import boosting, calibrating, encoding
from crmlab_plugins.churn.boosting import Boosting
from crmlab_plugins.churn.learners import LEARNERS, Kind, from_state, state_of
from crmlab_plugins.churn.logistic import STRENGTHS, Logistic

RNG = np.random.default_rng(4)
N = 800
FRAME = pl.DataFrame(
    {
        "days": RNG.integers(0, 300, N),
        "spend": RNG.lognormal(4, 1.5, N),
        "gap": [None if n % 4 == 0 else float(x) for n, x in enumerate(RNG.gamma(2, 20, N))],
        "city": RNG.choice(["京", "沪", "rare"], N, p=[0.6, 0.395, 0.005]),
        "member": RNG.random(N) < 0.5,
        "since": [date(2020, 1, 1 + int(n)) for n in RNG.integers(0, 28, N)],
        "same": [3] * N,
        "none": pl.Series([None] * N, dtype=pl.Float64),
    }
)
COLUMNS = tuple(FRAME.columns)
ODDS = FRAME["days"].to_numpy() / 60 - 2.5 + (FRAME["city"] == "京").to_numpy() * 1.0
CHURNED = RNG.random(N) < 1 / (1 + np.exp(-ODDS))
KINDS: tuple[Kind, ...] = ("logistic", "boosting")


def test_encoded_columns_are_comparable() -> None:
    steps = encoding.learn(FRAME, COLUMNS)
    matrix, owners = encoding.apply(FRAME, steps)
    assert np.allclose(matrix.mean(axis=0), 0, atol=1e-9)
    moving = matrix.std(axis=0) > 0
    assert np.allclose(matrix.std(axis=0)[moving], 1)
    assert owners.tolist() == sorted(owners.tolist())
    named = {COLUMNS[owner] for owner in owners}
    assert named == {*COLUMNS}
    kinds = {step["column"]: step["kind"] for step in steps}
    assert kinds == {**dict.fromkeys(COLUMNS, "number"), "city": "class", "member": "class"}
    assert next(step for step in steps if step["column"] == "spend")["log"]
    assert next(step for step in steps if step["column"] == "gap")["missing"]
    assert next(step for step in steps if step["column"] == "city")["levels"] == ["京", "沪"]


def test_what_was_never_seen_counts_as_unknown_not_as_an_error() -> None:
    steps = encoding.learn(FRAME, COLUMNS)
    new = FRAME.head(2).with_columns(
        city=pl.lit("新"),
        spend=pl.Series([float("inf"), 1e12]),
        days=pl.Series([None, 10**9], dtype=pl.Int64),
    )
    matrix, _ = encoding.apply(new, steps)
    assert np.isfinite(matrix).all()


@pytest.mark.parametrize("kind", KINDS)
def test_contributions_add_up_to_the_log_odds(kind: Kind) -> None:
    learner = LEARNERS[kind].learn(FRAME, COLUMNS, CHURNED)
    parts, odds = learner.contributions(FRAME), learner.log_odds(FRAME)
    assert parts.shape == (N, len(COLUMNS))
    rest = odds - parts.sum(axis=1)
    assert np.allclose(rest, rest[0], atol=1e-9), "what is left is the same for everybody"
    strong = np.abs(parts).mean(axis=0)
    assert COLUMNS[int(strong.argmax())] == "days"
    assert parts[:, COLUMNS.index("same")].tolist() == [0.0] * N


@pytest.mark.parametrize("kind", KINDS)
def test_the_state_is_json_and_frames_and_says_the_same(kind: Kind) -> None:
    import json

    learner = LEARNERS[kind].learn(FRAME, COLUMNS, CHURNED)
    state, nodes = state_of(learner)
    again = from_state(kind, json.loads(json.dumps(state)), nodes)
    assert np.array_equal(again.log_odds(FRAME), learner.log_odds(FRAME))
    assert np.allclose(again.contributions(FRAME), learner.contributions(FRAME), atol=1e-12)


def test_our_trees_say_what_those_of_scikit_learn_say(monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier

    from crmlab_plugins.churn import boosting

    grown: list[Any] = []
    fit = HistGradientBoostingClassifier.fit

    def keep(self: Any, X: Any, y: Any, *rest: Any, **more: Any) -> Any:
        grown.append(fit(self, X, y, *rest, **more))
        return grown[-1]

    monkeypatch.setattr(HistGradientBoostingClassifier, "fit", keep)
    learner = Boosting.learn(FRAME, COLUMNS, CHURNED)
    new = FRAME.with_columns(days=pl.when(pl.int_range(pl.len()) % 5 > 0).then(pl.col("days") + 7))
    for rows in (FRAME, new):
        theirs = grown[0].decision_function(boosting._matrix(rows, learner.steps))
        assert np.allclose(learner.log_odds(rows), theirs, atol=1e-12)


def test_trees_find_an_interplay_that_a_sum_cannot() -> None:
    a, b = RNG.integers(0, 2, N), RNG.integers(0, 2, N)
    rows, truth = pl.DataFrame({"a": a, "b": b}), a != b
    from crmlab.churn.metrics import auc

    area = {
        kind: auc(truth.astype(float), LEARNERS[kind].learn(rows, ("a", "b"), truth).log_odds(rows)).value
        for kind in KINDS
    }
    assert area["boosting"] > 0.99
    assert area["logistic"] < 0.8


def test_noise_is_held_down() -> None:
    noise = pl.DataFrame({f"n{k}": RNG.normal(size=N) for k in range(15)})
    strict = Logistic.learn(noise, tuple(noise.columns), RNG.random(N) < 0.3)
    assert strict.strength == min(STRENGTHS)
    assert strict.log_odds(noise).std() < 0.5


@given(slope=st.floats(0.3, 3), shift=st.floats(-2, 2), seed=st.integers(0, 100))
@settings(max_examples=25)
def test_calibration_finds_the_line_that_was_bent(slope: float, shift: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    odds = rng.normal(size=4000)
    y = rng.random(4000) < 1 / (1 + np.exp(-(slope * odds + shift)))
    found = calibrating.slope_of([(odds[:2000], y[:2000]), (odds[2000:], y[2000:])])
    assert found == pytest.approx(slope, abs=0.25)
    level = calibrating.level_of(odds, y, slope)
    assert level == pytest.approx(shift, abs=0.25)
    said = calibrating.apply(odds, {"slope": slope, "intercept": level})
    assert said.mean() == pytest.approx(y.mean(), abs=0.001)


def test_a_level_that_moves_from_day_to_day_is_not_taken_for_a_spread() -> None:
    rng = np.random.default_rng(8)
    odds = rng.normal(size=6000)
    moved = np.repeat([-1.5, 0.0, 1.5], 2000)
    y = rng.random(6000) < 1 / (1 + np.exp(-(odds + moved)))
    pairs = [(odds[part] + 3 * moved[part], y[part]) for part in np.split(np.arange(6000), 3)]
    assert calibrating.slope_of(pairs) == pytest.approx(1, abs=0.15)


def test_a_ranking_that_fails_later_gives_everybody_the_share() -> None:
    odds = np.linspace(-2, 2, 200)
    assert calibrating.slope_of([(odds, odds < 0)]) == 0
    level = calibrating.level_of(odds, odds < -1, 0.0)
    assert np.allclose(calibrating.apply(odds, {"slope": 0.0, "intercept": level}), 0.25, atol=0.01)
    assert calibrating.slope_of([]) is None
    assert calibrating.slope_of([(odds, odds < 9)]) is None, "a day without both outcomes tells nothing"
    ends = calibrating.apply(np.array([-1e9, 0.0, 1e9]), None).tolist()
    assert ends == pytest.approx([0, 0.5, 1], abs=1e-12)


def test_separated_outcomes_give_a_finite_line() -> None:
    odds = np.linspace(-3, 3, 100)
    slope = calibrating.slope_of([(odds, odds > 0)])
    assert slope is not None
    assert np.isfinite(slope)
    line = {"slope": slope, "intercept": calibrating.level_of(odds, odds > 0, slope)}
    assert 0 < calibrating.apply(odds, line)[0] < calibrating.apply(odds, line)[-1] < 1


def test_trees_that_cannot_be_read_are_an_error_and_no_other_probabilities(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read = boosting._nodes
    for nodes in (
        lambda tree, given: read(tree, given).with_columns(pl.col("value") * 2),
        lambda tree, given: read(tree, given["no_such_field"]),
    ):
        monkeypatch.setattr(boosting, "_nodes", nodes)
        with pytest.raises(PluginError, match=r"scikit-learn [\d.]+ keeps boosted trees.*churn-logistic"):
            Boosting.learn(FRAME, COLUMNS, CHURNED)
