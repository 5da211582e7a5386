"""Groups of customers by how often they have bought again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.value.repeats import OPEN, group_name, group_of, group_starts


def test_few_frequent_buyers_are_one_group() -> None:
    assert group_starts([0] * 90 + [7] * 5 + [40] * 5, 0, 7) == [0, 1, 2, 3, 4, 5, 6, 7]


def test_many_frequent_buyers_are_parted() -> None:
    """As in a grocery, where four in five would fall into the last group, which then says nothing."""
    repeats = [0] * 20 + [10] * 30 + [20] * 30 + [40] * 20
    assert group_starts(repeats, 0, 7) == [0, 1, 2, 3, 4, 5, 6, 7, 14, 28]


@given(st.lists(st.integers(min_value=0, max_value=100_000), min_size=1))
def test_everybody_is_in_the_group_of_his_number(repeats: list[int]) -> None:
    starts = group_starts(repeats, 0, 7)
    for number, place in zip(repeats, group_of(repeats, starts), strict=True):
        assert starts[place] <= number
        assert place == len(starts) - 1 or number < starts[place + 1]
    assert np.mean(np.asarray(repeats) >= starts[-1]) <= OPEN


@pytest.mark.parametrize(
    ("first", "last", "name"), [(1, 1, "2"), (1, 2, "2–3"), (3, 3, "4–7"), (2, 4, "3+"), (4, 4, "8+")]
)
def test_names(first: int, last: int, name: str) -> None:
    assert group_name([1, 2, 3, 4, 8], first, last) == name
