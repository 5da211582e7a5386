"""Whether the dissatisfied come back less: the matched comparison, on drawn customers."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from crmlab.voice.leaving import FEWEST, Leaving, matched

DAY = date(2024, 10, 1)


def _customers(seed: int, effect: float, n: int = 600) -> pl.DataFrame:
    """Draw customers who come back less after long silence, and are then less satisfied, too."""
    rng = np.random.default_rng(seed)
    silent = rng.integers(1, 200, n)
    dissatisfied = rng.random(n) < 0.05 + 0.0015 * silent
    rate = 0.9 - 0.0025 * silent + effect * dissatisfied
    return pl.DataFrame(
        {
            "days_since_last_order": silent,
            "order_count": rng.integers(1, 9, n),
            "total_spend": rng.gamma(2, 100, n),
            "dissatisfied": dissatisfied,
            "returned": rng.random(n) < rate,
        }
    )


def _found(seed: int, effect: float) -> Leaving:
    return matched(_customers(seed, effect), DAY, 90)


def test_customers_alike_are_compared() -> None:
    """Without matching the dissatisfied would seem to leave: they have been silent for longer."""
    raw, like = [], []
    for seed in range(60):
        customers = _customers(seed, effect=0.0)
        rates = customers.group_by("dissatisfied").agg(pl.col("returned").mean()).sort("dissatisfied")
        raw.append(rates["returned"][1] - rates["returned"][0])
        like.append(matched(customers, DAY, 90).difference.value)
    assert np.mean(raw) < -0.06
    assert abs(np.mean(like)) < 0.02


@pytest.mark.parametrize("effect", [0.0, -0.2])
def test_intervals_hold_the_true_difference(effect: float) -> None:
    found = [_found(seed, effect) for seed in range(200)]
    held = sum(each.difference.low <= effect <= each.difference.high for each in found) / len(found)
    assert 0.91 <= held <= 0.995
    assert all(each.enough for each in found)


def test_it_says_that_they_leave_only_where_they_do() -> None:
    assert sum(_found(seed, 0.0).shown for seed in range(200)) <= 10
    assert sum(_found(seed, -0.3).shown for seed in range(50)) >= 45


def test_what_is_lost_is_a_share_of_what_others_bring() -> None:
    found = _found(1, -0.3)
    lost = found.lost_share
    assert lost.value == pytest.approx(-found.difference.value / found.other_rate.value)
    assert 0 <= lost.low <= lost.value <= lost.high <= 1


def test_who_has_nobody_alike_is_left_out() -> None:
    customers = _customers(2, 0.0)
    apart = pl.when("dissatisfied").then(1000 + pl.col("days_since_last_order")).otherwise(1)
    lonely = customers.with_columns(days_since_last_order=apart, order_count=1, total_spend=1.0)
    found = matched(lonely, DAY, 90)
    assert found.dissatisfied < found.given
    few = matched(customers.filter("dissatisfied").head(FEWEST - 1), DAY, 90)
    assert (few.dissatisfied, few.enough, few.shown) == (0, False, False)
    nobody = matched(customers.clear(), DAY, 90)
    assert not nobody.enough
