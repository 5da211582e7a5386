"""Odds ratios against scipy, and their intervals by simulation."""

from __future__ import annotations

from math import log, sqrt
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from scipy.stats.contingency import odds_ratio

from crmlab.churn.odds import common_log_odds_ratio, contrast_of, log_odds_ratio
from crmlab.churn.traits import Trait, Traits
from crmlab.labels import Text

COUNTS = st.integers(1, 60)


def peer(a: float, b: float, c: float, d: float) -> tuple[float, float, float]:
    """Return the log odds ratio of scipy, which takes whole numbers, with its interval."""
    found = odds_ratio(np.array([[a, b], [c, d]], dtype=int), kind="sample")
    low, high = found.confidence_interval()
    return log(found.statistic), log(low), log(high)


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_the_log_odds_ratio_is_what_scipy_says(a: int, b: int, c: int, d: int) -> None:
    assert log_odds_ratio(a, b, c, d) == pytest.approx(peer(a, b, c, d))


def test_an_empty_cell_takes_a_half() -> None:
    value, low, high = log_odds_ratio(5, 0, 3, 9)
    reach = 1.959964 * sqrt(1 / 5.5 + 1 / 0.5 + 1 / 3.5 + 1 / 9.5)
    assert value == pytest.approx(log(5.5 * 9.5 / (0.5 * 3.5)))
    assert (low, high) == pytest.approx((value - reach, value + reach))
    assert np.isnan(log_odds_ratio(0, 0, 3, 9)).all()
    assert np.isnan(log_odds_ratio(3, 9, 0, 0)).all()


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_of_one_stratum_the_common_odds_ratio_is_its_own(a: int, b: int, c: int, d: int) -> None:
    found = common_log_odds_ratio(np.array([[a, b, c, d], [0, 0, 0, 0]], dtype=float))
    assert found == pytest.approx(peer(a, b, c, d))


@given(st.lists(st.tuples(COUNTS, COUNTS, COUNTS, COUNTS), min_size=2, max_size=6))
def test_the_common_odds_ratio_lies_between_those_of_the_strata(
    strata: list[tuple[int, int, int, int]],
) -> None:
    found = common_log_odds_ratio(np.array(strata, dtype=float))
    own = [log_odds_ratio(*row) for row in strata]
    assert min(each.value for each in own) - 1e-9 <= found.value <= max(each.value for each in own) + 1e-9
    above = sum(a * d / (a + b + c + d) for a, b, c, d in strata)
    below = sum(b * c / (a + b + c + d) for a, b, c, d in strata)
    assert found.value == pytest.approx(log(above / below))
    # The same customers in more strata say the same, as surely.
    assert found == pytest.approx(common_log_odds_ratio(np.array(strata[::-1], dtype=float)))
    assert found.high - found.low < max(each.high - each.low for each in own) + 1e-9


def test_a_common_odds_ratio_without_a_comparison_is_nan() -> None:
    assert np.isnan(common_log_odds_ratio(np.array([[5.0, 3, 0, 0], [0, 0, 4, 2]]))).all()


def drawn(seed: int, n: int = 1500) -> tuple[Traits, pl.Series, pl.Series]:
    """Draw busy and quiet customers: the busy complain more and leave less; complaining itself does nothing.

    ``dear`` does: it multiplies the odds of leaving by e.
    """
    rng = np.random.default_rng(seed)
    busy = rng.random(n) < 0.5
    complained = rng.random(n) < np.where(busy, 0.4, 0.1)
    dear = rng.random(n) < 0.3
    lost = rng.random(n) < 1 / (1 + np.exp(-(np.where(busy, -2.0, 0.5) + 1.0 * dear)))
    frame = pl.DataFrame(
        {"customer_id": [f"c{i:05}" for i in range(n)], "complained": complained, "dear": dear}
    )
    names = ("complained", "dear")
    listed = tuple(Trait(name, "behaviour", Text(name, name)) for name in names)
    return Traits(frame, listed), pl.Series(lost), pl.Series(busy.astype(int))


def row(frame: pl.DataFrame, trait: str) -> dict[str, Any]:
    return frame.filter(pl.col("trait") == trait).row(0, named=True)


def test_what_only_goes_with_buying_much_vanishes_between_alike() -> None:
    held = 0
    effects = []
    for seed in range(200):
        known, lost, busy = drawn(seed, 600)
        found = contrast_of(known, lost, strata=busy)
        complained, dear = row(found, "complained"), row(found, "dear")
        assert complained["log_odds"] < 0
        held += complained["alike_low"] <= 0 <= complained["alike_high"]
        effects.append(dear["alike_low"] <= 1 <= dear["alike_high"])
    assert 0.91 <= held / 200 <= 0.99
    assert 0.91 <= np.mean(effects) <= 0.99


def test_the_contrast_counts_and_sorts() -> None:
    known, lost, busy = drawn(1)
    found = contrast_of(known, lost, strata=busy)
    assert found["trait"].to_list() == ["dear", "complained"]
    dear = row(found, "dear")
    has = known.frame["dear"]
    assert (dear["customers"], dear["others"]) == (has.sum(), (~has).sum())
    assert (dear["lost"], dear["others_lost"]) == ((has & lost).sum(), (~has & lost).sum())
    assert dear["share"] == pytest.approx(lost.filter(has).mean())
    counts = [(has & lost).sum(), (has & ~lost).sum(), (~has & lost).sum(), (~has & ~lost).sum()]
    value, low, high = peer(*counts)
    assert dear["log_odds"] == pytest.approx(value)
    assert dear["p"] == pytest.approx(2 * norm.sf(abs(value) / ((high - low) / (2 * 1.959964))), rel=1e-4)
    assert (found["q"] >= found["p"]).all()
    # Without strata there is nothing to compare between alike.
    assert contrast_of(known, lost)["alike"].is_nan().all()
    assert contrast_of(known, lost)["alike_q"].is_nan().all()


def test_nulls_count_on_neither_side_and_small_groups_are_left_out() -> None:
    known, lost, busy = drawn(2, 400)
    half = pl.when(pl.int_range(pl.len()) < 200).then(pl.col("dear"))
    few = pl.int_range(pl.len()) < 4
    frame = known.frame.with_columns(half=half, few=few, many=~few)
    listed = tuple(Trait(name, "behaviour", Text(name, name)) for name in ("half", "few", "many"))
    found = contrast_of(Traits(frame, listed), lost, least=5, strata=busy)
    assert found["trait"].to_list() == ["half"]
    assert found.select(pl.col("customers") + pl.col("others")).item() == 200
    first = contrast_of(Traits(frame.head(200), listed), lost.head(200), least=5, strata=busy.head(200))
    assert first.equals(found)


def test_the_order_of_rows_changes_nothing() -> None:
    known, lost, busy = drawn(3, 300)
    order = np.random.default_rng(4).permutation(300)
    mixed = Traits(known.frame[order.tolist()], known.traits)
    assert contrast_of(mixed, lost[order], strata=busy[order]).equals(contrast_of(known, lost, strata=busy))


def test_nothing_to_contrast_is_an_empty_frame() -> None:
    known, lost, busy = drawn(5, 50)
    assert contrast_of(Traits(known.frame, ()), lost, strata=busy).is_empty()
