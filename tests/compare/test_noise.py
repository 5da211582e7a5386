"""Chance: published examples, symmetry, and how often two samples of one population are called different."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.compare.noise import adjusted, correlation_of_shares, difference, judged
from crmlab.intervals import wilson

SHARES = st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def share(successes: int, n: int) -> tuple[float, float, float]:
    return (successes / n, *wilson(successes, n))


def estimate(value: float | None, reach: float | None = 1.0) -> dict[str, Any]:
    known = value is not None and reach is not None
    low, high = (value - reach, value + reach) if known else (None, None)
    return {"value": value, "low": low, "high": high, "n": 10}


def test_two_shares_have_newcombes_interval() -> None:
    """56 of 70 against 48 of 80: Newcombe 1998, Statistics in Medicine 17:873–890, table II, method 10."""
    found = difference(share(48, 80), share(56, 70))
    assert found.value == pytest.approx(0.2)
    assert (round(found.low, 4), round(found.high, 4)) == (0.0524, 0.3339)
    assert found.p < 0.05


def test_p_values_are_adjusted_as_benjamini_and_hochberg_did() -> None:
    """The fifteen p values of Benjamini & Hochberg 1995, section 3.2: four are rejected at .05."""
    published = [.0001, .0004, .0019, .0095, .0201, .0278, .0298, .0344, .0459, .3240, .4262, .5719, .6528,
                 .7590, 1.0]  # fmt: skip
    found = adjusted(published)
    assert sum(q < 0.05 for q in found) == 4
    assert found[:4] == pytest.approx([0.0015, 0.0030, 0.0095, 0.035625])
    assert found[-1] == 1.0


@given(st.lists(st.floats(0, 1), max_size=20))
def test_adjusting_keeps_the_order_and_never_lowers(p_values: list[float]) -> None:
    found = adjusted(p_values)
    assert all(p <= q <= 1 for p, q in zip(p_values, found, strict=True))
    assert [found[place] for place in sorted(range(len(found)), key=p_values.__getitem__)] == sorted(found)


@given(SHARES, SHARES, st.floats(-1, 1))
def test_a_difference_backwards_is_the_same_with_the_other_sign(
    first: tuple[int, int], second: tuple[int, int], correlation: float
) -> None:
    there = difference(share(*first), share(*second), correlation)
    back = difference(share(*second), share(*first), correlation)
    assert (back.value, back.low, back.high) == pytest.approx((-there.value, -there.high, -there.low))
    assert back.p == pytest.approx(there.p)
    assert there.low <= there.value <= there.high
    assert (there.p < 0.05) == (there.low > 0 or there.high < 0) or there.p == pytest.approx(0.05)


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_customers_in_both_runs_correlate_as_pairs_do(a: int, b: int, c: int, d: int) -> None:
    """All customers are in both: the variance of the difference is that of McNemar's pairs."""
    n, one, two = a + b + c + d, a + b, a + c
    r = correlation_of_shares((n, a, one, two), (one, n), (two, n))
    assert -1 <= r <= 1
    if 0 < one < n and 0 < two < n:
        p, q = one / n, two / n
        found = p * (1 - p) / n + q * (1 - q) / n - 2 * r * math.sqrt(p * (1 - p) * q * (1 - q)) / n
        assert found == pytest.approx(((b + c) / n - ((b - c) / n) ** 2) / n, abs=1e-12)


def test_nobody_in_both_means_no_correlation() -> None:
    assert correlation_of_shares((0, 0, 0, 0), (3, 10), (4, 10)) == 0.0
    assert correlation_of_shares((0, 0, 0, 0), (0, 0), (0, 0)) == 0.0


def test_overlapping_samples_of_one_population_are_called_different_in_one_case_of_twenty() -> None:
    """300 of 400 customers are in both samples, and seven in ten of them keep their class."""
    rng = np.random.default_rng(5)
    trials, n, both = 1500, 400, 300
    found = {"with": 0, "without": 0}
    for _ in range(trials):
        first = rng.random(n) < 0.3
        keeps = rng.random(both) < 0.7
        second = np.concatenate(
            [np.where(keeps, first[:both], rng.random(both) < 0.3), rng.random(n - both) < 0.3]
        )
        counts = (int(first.sum()), n), (int(second.sum()), n)
        once, again = first[:both], second[:both]
        who = both, int((once & again).sum()), int(once.sum()), int(again.sum())
        r = correlation_of_shares(who, *counts)
        for name, correlation in (("with", r), ("without", 0.0)):
            found[name] += difference(share(*counts[0]), share(*counts[1]), correlation).p < 0.05
    assert 0.03 < found["with"] / trials < 0.07
    assert found["without"] / trials < 0.02  # careful: the dependence is left out


def test_who_comes_and_goes_may_differ_from_who_stays() -> None:
    """Only who stays is ever in the class, and keeps to it: nothing is too often called different."""
    rng = np.random.default_rng(6)
    trials, different = 2000, 0
    for _ in range(trials):
        gone, twice, once, again, never, new = rng.multinomial(650, np.array([15, 25, 5, 5, 10, 15]) / 75)
        both = int(twice + once + again + never)
        counts = (int(twice + once), int(gone) + both), (int(twice + again), int(new) + both)
        r = correlation_of_shares((both, int(twice), counts[0][0], counts[1][0]), *counts)
        different += difference(share(*counts[0]), share(*counts[1]), r).p < 0.05
    assert 0.035 < different / trials < 0.065


def test_the_correlation_does_not_give_small_groups_away() -> None:
    """A few customers more or less cannot be told apart, and are taken on the careful side."""
    first, second = (300, 1000), (320, 1000)
    exact = [correlation_of_shares((900, twice, 280, 290), first, second) for twice in range(250, 260)]
    told = [correlation_of_shares((900, twice, 280, 290), first, second, 5) for twice in range(250, 260)]
    assert len(set(exact)) == 10
    assert len(set(told)) == 3
    assert all(rough <= true for rough, true in zip(told, exact, strict=True))


def test_very_small_p_values_are_not_nought() -> None:
    assert 0 < difference((10.0, 9.0, 11.0), (30.0, 29.0, 31.0)).p < 1e-20


@pytest.mark.parametrize(
    ("before", "after", "more", "verdict"),
    [
        (estimate(10), estimate(20), {}, "beyond"),
        (estimate(10), estimate(10.2), {}, "chance"),
        (estimate(10), estimate(10), {}, "same"),
        (estimate(10), estimate(20), {"same_rows": True}, "rule"),
        (estimate(10), estimate(10), {"same_rows": True}, "same"),
        (estimate(10, None), estimate(20, None), {}, "counted"),
        (estimate(10), estimate(20, None), {}, "counted"),
        (estimate(None), estimate(20), {}, "hidden"),
        (estimate(10), estimate(20), {"comparable": False}, "defined"),
        (estimate(10), estimate(20), {"sampled": False}, "model"),
        (estimate(10), estimate(10), {"sampled": False}, "same"),
        (None, estimate(20), {}, "added"),
        (estimate(10), None, {}, "removed"),
    ],
)
def test_each_pair_has_its_verdict(before: Any, after: Any, more: dict[str, Any], verdict: str) -> None:
    (found,) = judged([{"before": before, "after": after, **more}])
    assert found["verdict"] == verdict
    assert (found["q"] is not None) == (verdict in ("beyond", "chance") or (verdict == "same" and not more))


def test_many_figures_need_more_to_be_beyond_chance() -> None:
    alone = {"before": estimate(10), "after": estimate(12)}
    quiet = [{"before": estimate(10), "after": estimate(10.1)} for _ in range(99)]
    (one,) = judged([alone])
    among = judged([alone, *quiet])[0]
    assert (one["verdict"], among["verdict"]) == ("beyond", "chance")
    assert one["p"] == among["p"]
