"""Axes: round ends, equal steps, few ticks."""

from __future__ import annotations

from itertools import pairwise

import polars as pl
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from crmlab.scheme_views.axis import Axis, axis_of

SKEWED = [float(10 * 1.2**n) for n in range(40)]


def test_even_values_have_a_linear_axis() -> None:
    axis = axis_of(pl.Series([float(n) for n in range(13, 134)]))
    assert axis == Axis("linear", (13.0, 140.0))
    assert axis.between(0, 100, 4) == [25, 50, 75]
    assert axis.ticks() is None


def test_skewed_values_have_a_logarithm() -> None:
    axis = axis_of(pl.Series(SKEWED))
    assert axis.kind == "log"
    assert axis.ends == (10.0, 13000.0)
    assert axis.between(1, 100, 2) == pytest.approx([10])
    assert axis.ticks() == [10, 100, 1000, 10000]


def test_skewed_values_with_zeros_have_a_symmetric_logarithm() -> None:
    axis = axis_of(pl.Series([-50.0, 0.0, *SKEWED]))
    assert axis.kind == "symlog"
    assert axis.constant == 10
    assert axis.ticks() == [0, 100, 1000, 10000]


def test_shares_stay_linear_and_one_value_has_room() -> None:
    assert axis_of(pl.Series(SKEWED), linear=True).kind == "linear"
    low, high = axis_of(pl.Series([7.0, 7.0])).ends
    assert low < 7 < high


@example([1.0, 0.7], 1)
@given(
    st.lists(st.floats(-1e6, 1e9).map(lambda value: round(value, 6)), min_size=1, max_size=30),
    st.integers(1, 9),
)
def test_the_ends_hold_all_values_and_steps_are_equal(values: list[float], parts: int) -> None:
    axis = axis_of(pl.Series(values, dtype=pl.Float64))
    low, high = axis.ends
    assert low <= min(values) <= max(values) <= high
    assume(axis.reach(low, high) > 1e-6)
    edges = [low, *axis.between(low, high, parts), high]
    steps = [axis.reach(a, b) for a, b in pairwise(edges)]
    assert steps == pytest.approx([axis.reach(low, high) / parts] * parts, rel=1e-3)
