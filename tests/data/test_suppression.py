"""Groups of few customers: what is hidden, and that nothing hidden can be computed from what is shown."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.data.suppression import hidden, hidden_cells, merged_bins, merged_values


@pytest.mark.parametrize(
    ("counts", "k", "left"),
    [
        ([10, 20, 30], 5, [10, 20, 30]),
        ([10, 3, 30], 5, [30]),  # 3 alone would be the total less the others
        ([40, 3, 2, 30], 5, [40, 30]),
        ([40, 1, 2, 30], 5, [40]),  # 3 customers together are a small group, too
        ([40, 1, 1, 1, 1, 1, 30], 5, [40]),  # five groups that count five are one each
        ([40, 3, 0, 30], 5, [40, 0]),
        ([7, 7, 3, 7], 5, [7, 7]),  # of equals the first
        ([3], 5, []),
        ([3, 0], 5, []),
        ([], 5, []),
        ([1, 2, 3], 1, [1, 2, 3]),
    ],
)
def test_groups_by_hand(counts: list[int], k: int, left: list[int]) -> None:
    assert [n for n, gone in zip(counts, hidden(counts, k), strict=True) if not gone] == left


def test_what_is_hidden_already_takes_company() -> None:
    assert hidden([50, 60, 70], 5, [False, True, False]) == [True, True, False]
    assert hidden([50, 60, 70], 5, [False, False, False]) == [False] * 3


def _tables(hidden_places: int, total: int) -> Iterator[tuple[int, ...]]:
    """All ways to spread a total over places."""
    if hidden_places == 1:
        yield (total,)
        return
    for first in range(total + 1):
        for rest in _tables(hidden_places - 1, total - first):
            yield (first, *rest)


@given(st.lists(st.integers(0, 9), min_size=2, max_size=5), st.integers(1, 6))
def test_no_hidden_group_follows_from_the_total(counts: list[int], k: int) -> None:
    gone = hidden(counts, k)
    assert all(hid or not 0 < n < k for n, hid in zip(counts, gone, strict=True))
    places = [place for place, hid in enumerate(gone) if hid]
    if not places:
        return
    ways = list(_tables(len(places), sum(counts[place] for place in places)))
    # Who sees an empty group shown knows that no hidden one is empty.
    if any(n == 0 and not hid for n, hid in zip(counts, gone, strict=True)):
        ways = [way for way in ways if min(way) > 0]
    assert all(len({way[i] for way in ways}) > 1 for i in range(len(places)))
    together = sum(counts[place] for place in places)
    assert together >= k or len(places) == len(counts)


@given(st.lists(st.integers(0, 9), max_size=8))
def test_one_switches_it_off(counts: list[int]) -> None:
    assert not any(hidden(counts, 1))
    assert not any(map(any, hidden_cells([counts, counts], 1)))


MATRICES = st.integers(1, 3).flatmap(
    lambda width: st.lists(
        st.lists(st.one_of(st.integers(0, 7), st.integers(0, 60)), min_size=width, max_size=width),
        min_size=1,
        max_size=3,
    )
)


@given(MATRICES, st.integers(1, 6))
def test_no_hidden_cell_follows_from_the_totals(counts: list[list[int]], k: int) -> None:
    rows = hidden([sum(row) for row in counts], k)
    columns = hidden([sum(column) for column in zip(*counts, strict=True)], k)
    gone = hidden_cells(counts, k, rows, columns)
    assert gone == hidden_cells(counts, k)
    for row, line in enumerate(counts):
        for column, n in enumerate(line):
            assert gone[row][column] or n == 0 or (n >= k and not rows[row] and not columns[column])
            if gone[row][column] and len(counts) * len(line) > 1:
                assert _can_differ(counts, gone, rows, columns, row, column), (counts, gone, row, column)


def _can_differ(
    counts: Sequence[Sequence[int]],
    gone: Sequence[Sequence[bool]],
    rows: Sequence[bool],
    columns: Sequence[bool],
    row: int,
    column: int,
) -> bool:
    """Say whether another table of counts, with this cell one off, has the same cells and totals shown.

    The whole is known; a hidden total is not.
    """
    cells = [(r, c) for r, line in enumerate(gone) for c, hid in enumerate(line) if hid]
    for moves in itertools.product((-1, 0, 1), repeat=len(cells)):
        change = dict(zip(cells, moves, strict=True))
        if change[row, column] == 0 or sum(moves):
            continue
        by_row = [sum(n for (r, _), n in change.items() if r == place) for place in range(len(rows))]
        by_column = [sum(n for (_, c), n in change.items() if c == place) for place in range(len(columns))]
        if any(n and not hid for n, hid in zip(by_row, rows, strict=True)):
            continue
        if any(n and not hid for n, hid in zip(by_column, columns, strict=True)):
            continue
        if all(counts[r][c] + n >= 0 for (r, c), n in change.items()):
            return True
    return False


def test_a_matrix_by_hand() -> None:
    counts = [[100, 3, 20], [40, 50, 30], [60, 70, 90]]
    # 3 needs company in its row, in its column, and where these meet; the cheapest rectangle is taken.
    assert hidden_cells(counts, 5) == [[False, True, True], [False, True, True], [False, False, False]]


def test_hidden_cells_of_a_row_count_enough_together() -> None:
    counts = [[100, 1, 2, 30], [100, 1, 2, 50], [90, 80, 70, 60]]
    gone = hidden_cells(counts, 5)
    for line, hid in zip(counts, gone, strict=True):
        assert not any(hid) or sum(n for n, h in zip(line, hid, strict=True) if h) >= 5


def test_a_hidden_row_takes_its_cells_along() -> None:
    gone = hidden_cells([[50, 60], [70, 80], [90, 10]], 5, [True, True, False], [False, False])
    assert gone[:2] == [[True, True], [True, True]]
    assert gone[2] == [False, False]


@pytest.mark.parametrize(
    ("counts", "customers"),
    [
        ([[2, 50, 0], [8, 0, 20], [20, 20, 20]], 80),  # 92 were empty cells hidden first
        ([[2, 0, 20], [0, 20, 20], [50, 0, 20]], 92),  # 112 were customers hidden last
    ],
)
def test_of_two_ways_to_protect_the_one_that_hides_fewer_customers(
    counts: list[list[int]], customers: int
) -> None:
    gone = hidden_cells(counts, 5)
    assert (
        sum(
            n for line, off in zip(counts, gone, strict=True) for n, hid in zip(line, off, strict=True) if hid
        )
        == customers
    )


def test_nothing_at_all() -> None:
    assert hidden_cells([], 5) == []
    assert hidden_cells([[], []], 5) == [[], []]
    assert hidden_cells([[3]], 5) == [[True]]


def test_rare_values_become_other() -> None:
    cities = pl.Series("city", ["北京"] * 9 + ["喀什"] * 2 + ["洛阳"] * 6 + [None])
    merged = merged_values(cities, 5, "其他")
    assert merged.name == "city"
    # With 喀什 alone under "other" it would be found by subtraction.
    assert merged.to_list() == ["北京"] * 9 + ["其他"] * 8 + [None]
    assert merged_values(cities, 1, "其他").to_list() == cities.to_list()
    assert merged_values(cities.clear(), 5, "其他").to_list() == []


@given(st.lists(st.integers(0, 9), max_size=20), st.integers(1, 6))
def test_bins_hold_enough_and_lose_nobody(counts: list[int], k: int) -> None:
    bins = merged_bins(counts, k)
    if sum(counts) < k:
        assert bins == []
        return
    assert sum(sum(counts[first : last + 1]) for first, last in bins) == sum(counts)
    assert all(sum(counts[first : last + 1]) >= k for first, last in bins)
    assert all(one[1] + 1 == other[0] for one, other in itertools.pairwise(bins))
