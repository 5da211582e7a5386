from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.errors import ParamsError
from crmlab_plugins.rules import cut_points


def test_a_value_at_a_cut_point_is_in_the_lower_tier_and_least_clear() -> None:
    frame = pl.DataFrame({"x": [0.0, 5, 10, 15, 20, 25, 30, 100]})
    got = frame.select(
        tier=cut_points.tier(pl.col("x"), [10, 20]),
        clear=cut_points.clearness(pl.col("x"), [10, 20], [0, 30]),
    )
    assert got["tier"].to_list() == [0, 0, 0, 1, 1, 2, 2, 2]
    assert got["clear"].to_list() == [1, 1, 0.5, 1, 0.5, 1, 1, 1]


def test_a_tier_without_width_and_no_cut_points_at_all_are_clear() -> None:
    frame = pl.DataFrame({"x": [1.0, 1.0]})
    assert frame.select(cut_points.clearness(pl.col("x"), [1.0], [1.0, 1.0])).to_series().to_list() == [1, 1]
    assert frame.select(cut_points.clearness(pl.col("x"), [], [])).to_series().to_list() == [1, 1]


@given(st.lists(st.integers(0, 1000), min_size=1), st.sampled_from([0.1, 0.3333, 0.5, 0.8]))
def test_learned_cut_points_are_type_7_quantiles(values: list[int], share: float) -> None:
    series = pl.Series(values, dtype=pl.Float64)
    (cut,) = cut_points.learn(series, [share])
    assert cut == pytest.approx(series.quantile(share, "linear"))
    low, high = cut_points.span(series)
    assert low == pytest.approx(series.quantile(0.01, "linear"))
    assert high == pytest.approx(series.quantile(0.99, "linear"))


def test_nothing_is_learned_from_nobody() -> None:
    assert cut_points.learn(pl.Series([], dtype=pl.Float64), [0.5]) == []
    assert cut_points.span(pl.Series([None], dtype=pl.Float64)) == []


@pytest.mark.parametrize("shares", [[], [0.0, 0.5], [0.5, 0.5], [0.8, 0.5], [1.0]])
def test_shares_must_rise_within_0_and_1(shares: list[float]) -> None:
    with pytest.raises(ParamsError, match="rising shares between 0 and 1"):
        cut_points.raise_for(cut_points.check_shares("shares", shares))


@pytest.mark.parametrize("cuts", [[1.0], [2.0, 1.0], [1.0, float("nan")]])
def test_given_cut_points_must_be_as_many_as_needed_and_rise(cuts: list[float]) -> None:
    with pytest.raises(ParamsError, match="3 tiers need 2 finite numbers in rising order"):
        cut_points.raise_for(cut_points.check_given("cut_points", cuts, 2))
