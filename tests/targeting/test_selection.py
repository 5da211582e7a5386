"""Ranking, limits and the control group of a list."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.targeting.selection import STRATUM, held_out, ranked, within_limits


def test_best_gain_per_cost_comes_first_and_losses_never() -> None:
    gain, cost = [5.0, 9.0, -1.0, 4.0, 0.0, 5.0], [1.0, 3.0, 1.0, 0.0, 1.0, 1.0]
    assert ranked(gain, cost).tolist() == [3, 0, 5, 1]


@given(st.integers(0, 500), st.floats(0, 0.9), st.integers(0, 50))
def test_the_control_group_has_its_share_among_neighbours(n: int, share: float, seed: int) -> None:
    control = held_out(n, share, seed)
    assert len(control) == n
    for end in range(STRATUM, n + 1, STRATUM):
        assert abs(int(control[:end].sum()) - share * end) <= 1
    assert abs(int(control.sum()) - share * n) <= 1


def test_everybody_has_the_same_chance_and_the_seed_decides() -> None:
    drawn = np.array([held_out(50, 0.15, seed) for seed in range(2000)])
    assert drawn.mean(axis=0).min() > 0.11
    assert drawn.mean(axis=0).max() < 0.19
    assert held_out(50, 0.15, 7).tolist() == held_out(50, 0.15, 7).tolist()
    assert held_out(50, 0.15, 7).tolist() != held_out(50, 0.15, 8).tolist()


@given(
    st.lists(st.tuples(st.floats(0, 10), st.booleans()), max_size=40),
    st.one_of(st.none(), st.floats(0, 60)),
    st.one_of(st.none(), st.integers(0, 20)),
)
def test_the_list_ends_before_a_limit_is_passed(
    rows: list[tuple[float, bool]], budget: float | None, capacity: int | None
) -> None:
    cost, control = [row[0] for row in rows], [row[1] for row in rows]
    size = within_limits(cost, control, budget, capacity)
    spent = [price for price, held in rows[:size] if not held]
    assert budget is None or sum(spent) <= budget + 1e-9
    assert capacity is None or len(spent) <= capacity
    if size < len(rows):  # one more would not have fitted
        more = [*spent, rows[size][0]]
        over = budget is not None and sum(more) > budget
        assert over or (capacity is not None and len(more) > capacity)


def test_without_limits_everybody_is_listed() -> None:
    assert within_limits([1.0] * 5, [False] * 5, None, None) == 5
    assert within_limits([], [], 1.0, 1) == 0
    assert within_limits([1.0] * 5, [True, False, False, True, False], 1.0, None) == pytest.approx(2)
