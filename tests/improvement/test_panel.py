"""Rows become whole periods counted from the start; a mix is restated by strata."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmlab.improvement.panel import Panel, Series, panel

START = date(2024, 4, 1)


def rows(*given: tuple[int, float, float, str, str]) -> pl.DataFrame:
    """Rows of (days from the start, num, den, group, stratum)."""
    frame = pl.DataFrame(given, schema=["at", "num", "den", "group", "stratum"], orient="row")
    return frame.with_columns(day=pl.lit(START) + pl.duration(days=pl.col("at")))


def made(frame: pl.DataFrame, last: int = 20, window: int = 180) -> Panel:
    return panel(frame, "a", ("b",), START, START + timedelta(days=last), 7, window)


def test_periods_are_whole_and_counted_from_the_start() -> None:
    frame = rows(
        (-15, 1, 1, "a", "x"),
        (-14, 1, 1, "a", "x"),
        (-1, 0, 1, "a", "x"),
        (0, 1, 1, "a", "x"),
        (20, 0, 2, "a", "x"),
    )
    found = made(frame)
    # The first row lies in a week that began before the records, the last week ends on day 20.
    assert found.time.tolist() == [-2, -1, 0, 1, 2]
    assert found.own.size.tolist() == [1, 1, 1, 0, 2]
    assert found.first_days[0] == date(2024, 3, 18)
    assert made(frame, last=19).time.tolist() == [-2, -1, 0, 1]
    assert made(frame, window=10).time.tolist() == [-2, -1, 0]
    assert found.others["b"].size.sum() == 0


def test_nothing_before_two_years_and_no_period_after_a_start_that_is_too_late() -> None:
    frame = rows((-900, 1, 1, "a", "x"), (3, 1, 1, "a", "x"))
    assert made(frame).time[0] == -(730 // 7)
    assert made(rows((-20, 1, 1, "a", "x"), (3, 1, 1, "a", "x")), last=5).time.tolist() == [-2, -1]


def test_restating_the_mix_by_hand() -> None:
    # Before: 80 of x at 0.5, 20 of y at 1.0. After: 20 of x at 0.5, 80 of y at 1.0.
    series = Series(np.array([[40.0, 20.0], [10.0, 80.0]]), np.array([[80.0, 20.0], [20.0, 80.0]]))
    after = np.array([False, True])
    assert series.raw.tolist() == pytest.approx([0.6, 0.9])
    assert series.adjusted(after).tolist() == pytest.approx([0.9, 0.9])


@settings(max_examples=30)
@given(st.integers(0, 10_000))
def test_restating_leaves_the_after_mean_and_is_post_stratification(seed: int) -> None:
    rng = np.random.default_rng(seed)
    den = rng.integers(1, 30, (12, 3)).astype(float)
    series = Series(rng.binomial(den.astype(int), 0.4).astype(float), den)
    after = np.arange(12) >= 7
    adjusted = series.adjusted(after)
    mean = {
        part: float(adjusted[chosen] @ series.size[chosen] / series.size[chosen].sum())
        for part, chosen in (("after", after), ("before", ~after))
    }
    rates = series.num[~after].sum(axis=0) / den[~after].sum(axis=0)
    assert mean["after"] == pytest.approx(series.num[after].sum() / den[after].sum())
    assert mean["before"] == pytest.approx(float(rates @ den[after].sum(axis=0) / den[after].sum()))


def test_an_earlier_start_sees_nothing_of_what_came_after_the_true_one() -> None:
    frame = rows(*((at, 1, 1, group, "x") for at in range(-70, 21) for group in "ab"))
    past = made(frame).until(-4, -1)
    assert past.time.tolist() == list(range(-6, 4))
    assert past.start == START - timedelta(days=28)
    assert past.own.size.sum() == 70
    assert past.others["b"].size.sum() == 70
