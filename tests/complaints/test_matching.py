"""Complainers against others: exact strata, no look ahead, intervals that hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from crmlab.complaints.matching import Matched, matched

SEEDS = 40


def company(seed: int, effect: float = 0.0, customers: int = 700) -> Matched:
    """Draw customers who buy at their own pace, some orders followed by a complaint.

    With ``effect`` so many of the complainers leave with their first complaint.
    """
    rng = np.random.default_rng(seed)
    pace = rng.gamma(1.5, 1 / 50, customers)
    orders = rng.poisson(pace * 600)
    customer = np.repeat(np.arange(customers), orders)
    day = rng.integers(0, 600, len(customer))
    at_fault = rng.random(len(customer)) < 0.03
    whose, when = customer[at_fault], day[at_fault] + rng.integers(1, 10, at_fault.sum())
    order = np.lexsort((when, whose))
    whose, first = np.unique(whose[order], return_index=True)
    when = when[order][first]
    left = np.full(customers, 10_000)
    left[whose[rng.random(len(whose)) < effect]] = 0
    left[whose] = np.where(left[whose] == 0, when, left[whose])
    stays = day <= left[customer]
    amount = rng.gamma(5, 10, len(customer))
    seen = when + 90 <= 600
    return matched(
        customer[stays], day[stays], amount[stays], whose[seen], when[seen], customers=customers, days=90
    )


def test_without_an_effect_the_interval_holds_none_as_often_as_it_says() -> None:
    found = [company(seed).difference() for seed in range(SEEDS)]
    covered = sum(each.low <= 0 <= each.high for each in found)
    assert covered / SEEDS > 0.95 - 3 * (0.95 * 0.05 / SEEDS) ** 0.5
    standard = [each.value * 3.92 / (each.high - each.low) for each in found]
    assert abs(np.mean(standard)) < 3 / SEEDS**0.5  # no bias
    assert 0.6 < np.std(standard) < 1.3


def test_customers_who_leave_with_their_complaint_are_found() -> None:
    found = company(1, effect=0.5, customers=2000).difference()
    assert found.high < -0.2


def _of(*orders: tuple[int, int], complaints: dict[int, int], customers: int) -> Matched:
    customer, day = (np.array(x, dtype=np.int64) for x in zip(*orders, strict=True))
    return matched(
        customer,
        day,
        np.full(len(orders), 10.0),
        np.array(list(complaints), dtype=np.int64),
        np.array(list(complaints.values()), dtype=np.int64),
        customers=customers,
        days=30,
    )


def test_others_are_those_of_the_same_stratum_who_had_not_complained() -> None:
    # 0 complains on day 12; 1 and 2 are like him, 2 buys again; 3 bought twice; 4 complained before;
    # 5 complains only later, which nobody knew.
    found = _of(
        *((who, 10) for who in range(6)),
        (3, 9),
        (2, 20),
        (3, 20),
        (4, 20),
        (0, 25),
        complaints={0: 12, 4: 11, 5: 13},
        customers=6,
    )
    here = found.customer.tolist().index(0)
    assert found.bought[here]
    assert found.others[here] == pytest.approx(1 / 3)  # 1, 2 and 5


def test_others_who_stand_for_several_widen_the_interval() -> None:
    # 0 and 1 share the others 2, who buys, and 3, who does not. Both differ by -0.5, so they vary by nothing;
    # the others count ±sqrt(1/2) each, over two complainers: a variance of 1/4.
    found = _of(*((who, 10) for who in range(4)), (2, 20), complaints={0: 12, 1: 12}, customers=4)
    assert found.difference() == pytest.approx((-0.5, -0.5 - 1.96 * 0.5, -0.5 + 1.96 * 0.5), abs=1e-4)


def test_who_bought_twice_lately_is_compared_with_such() -> None:
    # 0 and 1 bought twice in the ten days before, 2 and 3 once then and once before that: all four twice in
    # the 180 days, five days ago. Only who bought twice buys on.
    orders = [
        *((who, 10) for who in range(6)),
        *((who, 7) for who in (0, 1, 4)),
        *((who, 2) for who in (2, 3, 5)),
    ]
    found = _of(*orders, *((who, 20) for who in (0, 1, 4)), complaints={0: 15}, customers=6)
    assert (found.bought.tolist(), found.others.tolist()) == ([True], [1.0])


def test_orders_of_the_day_itself_count_on_neither_side() -> None:
    same_day: Any = _of((0, 10), (1, 10), (2, 10), (0, 12), (1, 12), complaints={0: 12}, customers=3)
    assert (same_day.bought.tolist(), same_day.others.tolist()) == ([False], [0.0])


def test_who_has_nobody_alike_is_counted() -> None:
    alone = _of((0, 10), (1, 1), (2, 1), complaints={0: 12, 1: 50}, customers=3)
    assert (len(alone.customer), alone.unmatched) == (0, 2)
    assert np.isnan(alone.difference().value)
