"""Columns made comparable, and what was done in words."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from crmlab_plugins.learned import preparation


def frame(**columns: object) -> pl.DataFrame:
    return pl.DataFrame(columns)


def test_skewed_money_is_taken_as_logarithm_and_shares_are_not() -> None:
    rng = np.random.default_rng(0)
    skewed = rng.lognormal(3, 1.5, 500)
    table = frame(
        total_spend=skewed,
        service_share=np.minimum(skewed / skewed.max(), 1),
        days_since_last_order=rng.uniform(0, 300, 500),
    )
    steps = {step["column"]: step for step in preparation.learn(table, table.columns)}
    assert steps["total_spend"]["log"]
    assert not steps["service_share"]["log"]
    assert not steps["days_since_last_order"]["log"]
    prepared = preparation.apply(table, list(steps.values()))
    assert np.allclose(np.median(prepared, axis=0), 0, atol=1e-9)
    low, high = np.quantile(prepared, (0.25, 0.75), axis=0)
    assert np.allclose(high - low, 1.349)


def test_one_giant_is_held_at_the_99th_percentile() -> None:
    table = frame(order_count=[*range(1, 101), 10_000_000])
    steps = preparation.learn(table, ["order_count"])
    prepared = preparation.apply(table, steps)[:, 0]
    assert prepared.max() < 5


def test_equal_quartiles_fall_back_to_the_deviation_and_a_constant_has_no_effect() -> None:
    table = frame(order_count=[1] * 90 + [2] * 10, refund_count=[0] * 100)
    once, none = preparation.learn(table, ["order_count", "refund_count"])
    assert once["by"] == "deviation"
    assert none["by"] == "constant"
    assert not preparation.apply(table, [none]).any()
    words = preparation.words([once, none])
    assert "按标准差缩放" in words.zh
    assert "the same for everybody" in words.en


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=60))
def test_order_among_customers_is_kept_and_all_is_finite(values: list[float]) -> None:
    table = frame(total_spend=sorted(values))
    prepared = preparation.apply(table, preparation.learn(table, ["total_spend"]))[:, 0]
    assert np.isfinite(prepared).all()
    assert (np.diff(prepared) >= 0).all()


def test_without_preparation_and_without_customers_values_stay() -> None:
    table = frame(total_spend=[1.0, 50.0, 900.0])
    assert preparation.apply(table, preparation.learn(table, ["total_spend"], auto=False))[:, 0].tolist() == [
        1,
        50,
        900,
    ]
    assert preparation.apply(table, preparation.learn(table.clear(), ["total_spend"]))[:, 0].tolist() == [
        1,
        50,
        900,
    ]
