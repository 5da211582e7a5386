"""BG/BB: the donations of its paper, exact derivatives, and scores per period."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.errors import ParamsError
from crmlab_plugins.lifetime.bg_bb import BgBbModel
from crmlab_plugins.lifetime.bg_bb_process import BgBb, maximum, objective
from crmlab_plugins.lifetime.collapse import collapse
from crmlab_plugins.lifetime.occasions import Occasions, occasions

DONATIONS = {
    (0, 0): 3464, (1, 1): 1091, (1, 2): 277, (1, 3): 129, (1, 4): 78, (1, 5): 119, (1, 6): 129, (2, 2): 613,
    (2, 3): 255, (2, 4): 155, (2, 5): 173, (2, 6): 234, (3, 3): 322, (3, 4): 181, (3, 5): 225, (3, 6): 357,
    (4, 4): 240, (4, 5): 284, (4, 6): 512, (5, 5): 335, (5, 6): 728, (6, 6): 1203,
}  # fmt: skip
"""Donors by gifts in six years and the year of the last one (Fader, Hardie & Shang 2010)."""
PUBLISHED = BgBb(alpha=1.20353, beta=0.74973, gamma=0.65678, delta=2.7838)


def _donations() -> tuple[np.ndarray, ...]:
    x, t_x = np.array(list(DONATIONS), dtype=np.float64).T
    return x, t_x, np.full(x.size, 6.0), np.array(list(DONATIONS.values()), dtype=np.float64)


def test_donations_as_published() -> None:
    best = maximum(*_donations())
    assert best.converged
    # The published digits stop a hair before the maximum: the log-likelihood is flat there.
    assert np.exp(best.estimate) == pytest.approx([1.203521, 0.749716, 0.656720, 2.783457], rel=1e-5)
    assert round(best.value, 4) == -33225.5813
    assert _donations()[3].sum() == 11104


def test_point_values_as_published() -> None:
    x, t_x, n, weights = _donations()
    assert PUBLISHED.expected_of_new([10])[0] == pytest.approx(3.179805, abs=1e-6)
    told = PUBLISHED.expected_purchases([0, 4], [0, 5], [6, 6], 10)
    assert told == pytest.approx([0.1302169, 3.627858], rel=1e-5)
    best = BgBb.of(np.exp(maximum(x, t_x, n, weights).estimate))
    assert round(float(weights @ best.expected_purchases(x, t_x, n, 5)), 1) == 12884.2
    counts = 11104 * best.count_probabilities(6)
    assert (counts[[0, 6]].round(1)).tolist() == [3454.9, 1253.1]
    assert counts.sum() == pytest.approx(11104)
    alive = best.probability_alive([0, 2, 6], [0, 4, 6], [6, 6, 6])
    assert alive.round(2).tolist() == [0.11, 0.59, 0.93]


@given(st.lists(st.floats(-1.5, 1.5), min_size=4, max_size=4))
def test_derivatives_are_exact(logs: list[float]) -> None:
    x, t_x, n, weights = _donations()
    evaluate, at, step = objective(*collapse(x, t_x, n, weights=weights)), np.array(logs), 1e-5
    _, gradient, hessian = evaluate(at)
    sides = [(evaluate(at + step * unit), evaluate(at - step * unit)) for unit in np.eye(4)]
    assert gradient == pytest.approx([(u[0] - d[0]) / (2 * step) for u, d in sides], rel=1e-4, abs=1e-2)
    bends = np.array([(u[1] - d[1]) / (2 * step) for u, d in sides])
    assert hessian == pytest.approx(bends, rel=1e-4, abs=1e-2)


def test_histories_of_one_length_have_probability_one() -> None:
    """The likelihoods of all sequences of five occasions add up to 1."""
    total = 0.0
    for code in range(2**5):
        used = [at + 1 for at in range(5) if code >> at & 1]
        one = PUBLISHED.log_likelihood([len(used)], [max(used, default=0)], [5])
        total += float(np.exp(one[0]))
    assert total == pytest.approx(1.0)


def test_simulated_histories_are_as_expected() -> None:
    x, _ = PUBLISHED.draw(np.random.default_rng(1), np.full(100_000, 8))
    assert x.mean() == pytest.approx(PUBLISHED.expected_of_new([8])[0], rel=0.01)
    shares = np.bincount(x.astype(np.int64), minlength=9) / x.size
    assert shares == pytest.approx(PUBLISHED.count_probabilities(8), abs=0.005)


def test_long_histories_are_stable() -> None:
    x, t_x, n = np.array([300.0, 0.0]), np.array([400.0, 0.0]), np.array([500.0, 500.0])
    assert np.isfinite(PUBLISHED.log_likelihood(x, t_x, n)).all()
    alive = PUBLISHED.probability_alive(x, t_x, n)
    assert (alive >= 0).all()
    assert (alive <= 1).all()
    assert np.isfinite(PUBLISHED.expected_purchases(x, t_x, n, [10, 0])).all()


def test_later_and_discounted_purchases() -> None:
    near, far = PUBLISHED.expected_purchases([2, 2], [3, 3], [6, 6], [1, 2])
    apart = PUBLISHED.expected_purchases([2], [3], [6], 2, discount=0.1)[0]
    assert apart == pytest.approx(near / 1.1 + (far - near) / 1.21)
    soon, late = (PUBLISHED.probability_alive([2], [3], [6], after)[0] for after in (0, 3))
    assert late < soon


def _orders(days: dict[str, list[int]]) -> pl.LazyFrame:
    rows = [(name, day, 1000) for name, each in days.items() for day in each]
    schema = {"customer_id": pl.String, "day": pl.Int64, "amount_hundredths": pl.Int64}
    return pl.LazyFrame(rows, schema=schema, orient="row")


def test_occasions_since_the_first_purchase() -> None:
    seen = occasions(_orders({"a": [0, 0, 30, 31, 95], "b": [80], "c": [10, 45]}), 100, 30).sort(
        "customer_id"
    )
    assert seen.collect().rows() == [("a", 3, 2, 2, 30), ("b", 0, 0, 0, 30), ("c", 3, 1, 2, 30)]


def _simulated(customers: int = 3000) -> dict[str, list[int]]:
    rng = np.random.default_rng(6)
    first = rng.integers(0, 600, customers)
    result = {}
    chance, leaves = rng.beta(1.2, 0.75, customers), rng.beta(0.66, 2.8, customers)
    for place in range(customers):
        lasting = rng.geometric(max(leaves[place], 1e-9)) - 1
        used = [k for k in range(min(lasting, 40)) if rng.uniform() < chance[place]]
        result[f"c{place:05}"] = [int(first[place])] + [int(first[place]) + 30 * k + 15 for k in used]
    return result


def test_the_model_scores_periods_and_beats_the_own_rate() -> None:
    orders = _orders(_simulated())
    cutoff = date(1970, 1, 1).fromordinal(date(1970, 1, 1).toordinal() + 720)
    known = occasions(orders.filter(pl.col("day") <= 720), 720, 30).sort("customer_id").collect()
    model = BgBbModel().fit({}, known, cutoff)
    scores = model.predict(known)
    assert scores["probability_alive"].drop_nulls().is_between(0, 1).all()
    assert scores["expected_occasions"].max() <= 12  # type: ignore[operator]
    assert model.parameter_table()["name"].to_list() == ["alpha", "beta", "gamma", "delta"]
    rows: dict[str, dict[str, Any]] = {
        row["metric"]: row for row in BgBbModel().evaluate({"orders": orders}, cutoff).iter_rows(named=True)
    }
    assert rows["mean_absolute_error"]["high"] < rows["mean_absolute_error"]["baseline"]
    assert abs(rows["bias"]["value"]) < 0.3


def test_too_little_is_said_in_words() -> None:
    known = occasions(_orders({"a": [0], "b": [3]}), 100, 30).collect()
    model = BgBbModel().fit({}, known, date(2024, 6, 30))
    assert model.fitted is None
    assert model.predict(known)["probability_alive"].is_null().all()
    assert "Fewer than 10" in model.verdicts()[0].en


def test_params_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ParamsError, match="horizon_days is 0"):
        BgBbModel.from_params({"horizon_days": 0})
    with pytest.raises(ParamsError, match="period_days is 0"):
        Occasions.from_params({"period_days": 0})


def test_donations_file_is_the_table_above(shared_data: Path) -> None:
    (path,) = (shared_data / "donations").glob("*.csv")
    rows = pl.read_csv(path).select("frequency", "recency", "weights").rows()
    assert {(x, t_x): weight for x, t_x, weight in rows} == DONATIONS
