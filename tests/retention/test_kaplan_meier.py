"""Kaplan–Meier against figures by hand, the empirical survival, and what is true of drawn durations."""

from __future__ import annotations

from math import exp, isnan, log, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.intervals import wilson
from crmlab.retention.kaplan_meier import difference, kaplan_meier
from crmlab.segments.separation import Estimate

WEEKS = [6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
SEEN = [True] * 9 + [False] * 12
"""Remission under 6-mercaptopurine (Freireich et al. 1963, Blood 21:699–716), weeks."""


def test_the_classic_example() -> None:
    curve = kaplan_meier(WEEKS, SEEN)
    assert curve.days.tolist() == [6, 7, 10, 13, 16, 22, 23]
    assert curve.at_risk.tolist() == [21, 17, 15, 12, 11, 7, 6]
    assert curve.events.tolist() == [3, 1, 1, 1, 1, 1, 1]
    # Printed in Klein & Moeschberger (2003), Survival Analysis, table 4.1.
    assert curve.survival.round(3).tolist() == [0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448]
    errors = [0.0764, 0.0869, 0.0963, 0.1068, 0.1141, 0.1282, 0.1346]
    for estimate, share, error in zip(curve.at(curve.days.tolist()), curve.survival, errors, strict=True):
        reach = 1.959964 * error / share / abs(log(share))
        assert estimate.low == pytest.approx(share ** exp(reach), abs=2e-3)
        assert estimate.high == pytest.approx(share ** exp(-reach), abs=2e-3)
    assert curve.quantile(0.5) == pytest.approx((23, 13, float("nan")), nan_ok=True)
    assert (curve.customers, curve.ended) == (21, 9)


def test_by_hand() -> None:
    curve = kaplan_meier([1, 2, 2, 3], [True, True, False, False])
    value, low, high = curve.at([2])[0]
    assert value == 3 / 4 * 2 / 3
    reach = 1.959964 * sqrt(1 / 12 + 1 / 6) / log(2)
    assert (low, high) == pytest.approx((0.5 ** exp(reach), 0.5 ** exp(-reach)), rel=1e-5)
    assert curve.reached([2])[0] == pytest.approx((0.5, 1 - high, 1 - low))
    assert [curve.watched(day) for day in (0, 1, 2, 3, 4)] == [4, 4, 3, 1, 0]


def test_before_the_first_event_the_interval_is_that_of_a_share() -> None:
    assert kaplan_meier([5, 9, 9], [True, False, False]).at([4])[0] == (1.0, 1 - wilson(0, 3).high, 1.0)


def test_beyond_what_is_seen_nothing_is_said() -> None:
    curve = kaplan_meier([3, 5, 8], [True, False, False])
    assert isnan(curve.at([9])[0].value)
    assert isnan(curve.at([6], fewest=2)[0].value)
    assert curve.last(2) == 5
    assert isnan(curve.quantile(0.5).value)


def test_when_all_have_ended_nobody_is_left() -> None:
    curve = kaplan_meier([1, 2, 3, 4], [True] * 4)
    assert curve.at([4])[0][:2] == (0.0, 0.0)
    assert 0 < curve.at([4])[0].high < 1
    assert curve.at([400])[0].value == 0


def test_negative_durations_are_refused() -> None:
    with pytest.raises(ValueError, match="0 days or more"):
        kaplan_meier([-1], [True])


DAYS = st.lists(st.integers(1, 40), min_size=1, max_size=60)


@given(DAYS, st.integers(0, 45))
def test_without_censoring_it_is_the_empirical_survival(days: list[int], day: int) -> None:
    curve = kaplan_meier(days, [True] * len(days))
    left = sum(each > day for each in days)
    estimate = curve.at([day])[0]
    assert estimate.value == pytest.approx(left / len(days), abs=1e-12)
    assert estimate.low <= estimate.value + 1e-12
    assert estimate.value <= estimate.high + 1e-12


@given(st.lists(st.tuples(st.integers(1, 20), st.booleans()), min_size=1, max_size=60))
def test_it_falls_within_its_ordered_bounds(spells: list[tuple[int, bool]]) -> None:
    curve = kaplan_meier([day for day, _ in spells], [seen for _, seen in spells])
    shares = [1.0, *curve.survival.tolist()]
    assert shares == sorted(shares, reverse=True)
    for value, low, high in curve.at(range(21)):
        assert isnan(value) or 0 <= low <= value <= high <= 1


@given(st.lists(st.tuples(st.integers(1, 20), st.booleans()), min_size=2, max_size=40))
def test_one_spell_each_gives_greenwood_without_censoring(spells: list[tuple[int, bool]]) -> None:
    days = [day for day, _ in spells]
    plain = kaplan_meier(days, [True] * len(days))
    clustered = kaplan_meier(days, [True] * len(days), customer=range(len(days)))
    for one, other in zip(plain.at(range(20)), clustered.at(range(20)), strict=True):
        assert one == pytest.approx(other, nan_ok=True, abs=1e-9)


def test_spells_of_one_customer_count_as_one() -> None:
    rng = np.random.default_rng(3)
    days, seen = rng.integers(1, 50, 200), rng.random(200) < 0.7
    once = kaplan_meier(days, seen, customer=range(200)).at([25])[0]
    twice = kaplan_meier(np.tile(days, 2), np.tile(seen, 2), customer=np.tile(np.arange(200), 2)).at([25])[0]
    assert twice == pytest.approx(once, abs=1e-9)
    naive = kaplan_meier(np.tile(days, 2), np.tile(seen, 2)).at([25])[0]
    assert naive.high - naive.low < 0.8 * (once.high - once.low)


@pytest.mark.parametrize("clustered", [False, True])
def test_the_interval_holds_the_truth_as_often_as_it_says(*, clustered: bool) -> None:
    rng, held, rounds, people = np.random.default_rng(7), 0, 400, 150
    for _ in range(rounds):
        if clustered:
            rate = np.repeat(rng.gamma(3, 1 / 90, people), 3)
            whose = np.repeat(np.arange(people), 3)
            truth = (1 + 40 / 90 * 1) ** -3.0
        else:
            rate, whose, truth = np.full(people, 1 / 30), None, exp(-40 / 30)
        life = rng.exponential(1 / rate)
        censored = rng.uniform(0, 120, len(rate))
        # Whole days: an event within day d is seen at its end.
        days = np.minimum(np.ceil(life), np.floor(censored)).astype(int)
        estimate = kaplan_meier(days, np.ceil(life) <= np.floor(censored), customer=whose).at([40])[0]
        held += estimate.low <= truth <= estimate.high
    assert 0.92 <= held / rounds <= 0.98


def test_difference_of_shares() -> None:
    # Newcombe (1998), table II, method 10: 56/70 against 48/80.
    one, other = (Estimate(a / b, *wilson(a, b)) for a, b in ((56, 70), (48, 80)))
    assert difference(one, other) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)


def test_when_many_leave_on_the_last_day_few_can_be_left() -> None:
    # 100 of 200 leave on day 1, the others on day 9: the upper end is that of 0 of 100 in half.
    curve = kaplan_meier([1] * 100 + [9] * 100, [True] * 200)
    value, low, high = curve.at([9])[0]
    assert (value, low) == (0, 0)
    assert high == pytest.approx(curve.at([8])[0].high * wilson(0, 100).high)
    assert high < 0.03
