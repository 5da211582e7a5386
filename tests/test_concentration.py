"""Pareto curve, Gini and share for 80 %."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.concentration import POINTS, gini, pareto, share_for
from crmlab.errors import ParamsError

VALUES = st.lists(st.integers(-100, 10_000).map(lambda cents: cents / 100), max_size=80)


def test_pareto_of_few_customers_has_a_point_for_each() -> None:
    curve = pareto([10, 50, 40, 0, -7])
    assert curve.rows() == [(0, 0), (0.2, 0.5), (0.4, 0.9), (0.6, 1), (0.8, 1), (1, 1)]


def test_pareto_of_many_customers_is_aggregated() -> None:
    curve = pareto(pl.Series(range(10_000)))
    assert curve.height == POINTS
    assert curve.row(0) == (0, 0)
    assert curve.row(-1) == (1, 1)
    # Of values spread evenly from 0, the best half makes three quarters.
    middle = curve.filter((pl.col("customer_share") - 0.5).abs() < 0.003)
    assert middle["value_share"].to_list() == pytest.approx([0.75] * middle.height, abs=0.005)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 1, 1, 1], 0),
        ([0, 0, 0, 1], 0.75),
        ([1, 2, 3], 2 / 9),
        ([1, 2, 3, None], 2 / 9),
        ([0, 0, 0, 4, -9], 0.8),
        ([5], 0),
        ([], 0),
        ([0, -1], 0),
    ],
)
def test_gini(values: list[float], expected: float) -> None:
    assert gini(pl.Series(values, dtype=pl.Float64)) == pytest.approx(expected)


@given(VALUES)
def test_gini_is_half_the_relative_mean_difference(values: list[float]) -> None:
    worth = [max(0.0, value) for value in values]
    pairs = sum(abs(a - b) for a in worth for b in worth)
    expected = pairs / (2 * len(worth) * sum(worth)) if sum(worth) else 0
    assert gini(values) == pytest.approx(expected, abs=1e-9)


def test_share_for() -> None:
    assert share_for([50, 30, 10, 5, 5]) == 0.4
    assert share_for([1] * 10) == 0.8
    assert share_for([0.1] * 10) == 0.8
    assert share_for([50, 30, 10, 5, 5], 0.81) == 0.6
    assert share_for([50, 30, 10, 5, 5], 0) == 0
    assert share_for([50, 30, 10, 5, 5, 0], 1) == pytest.approx(5 / 6)
    assert share_for([]) == share_for([-1, 0]) == 0
    with pytest.raises(ParamsError, match="from 0 to 1"):
        share_for([1], 80)


@given(VALUES)
def test_the_curve_rises_above_the_diagonal_and_bends_down(values: list[float]) -> None:
    curve = pareto(values)
    assert curve.height == (len(values) + 1 if any(value > 0 for value in values) else 0)
    gains = curve["value_share"].diff().drop_nulls()
    assert (curve["value_share"] >= curve["customer_share"] - 1e-9).all()
    assert (gains >= -1e-12).all()
    assert (gains.diff().drop_nulls() <= 1e-9).all()


@given(VALUES, st.sampled_from([0.2, 0.5, 0.8, 1.0]))
def test_share_for_is_the_fewest_customers_who_reach_it(values: list[float], share: float) -> None:
    worth = sorted((max(0.0, value) for value in values), reverse=True)
    count = round(share_for(values, share) * len(worth))
    whole = sum(worth)
    assert sum(worth[:count]) >= share * whole - 1e-6
    if count > 1:
        assert sum(worth[: count - 1]) < share * whole + 1e-6


def test_row_order_does_not_matter() -> None:
    values = [0.1 * k for k in range(50)]
    assert pareto(values).equals(pareto(values[::-1]))
    assert gini(values) == gini(values[::-1])
