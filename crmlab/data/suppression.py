"""Hide groups of few customers, and enough beside them that totals do not give them away.

A cell is hidden where it counts one to k - 1 customers. A total that is shown would give the only
hidden cell away by subtraction, so the next smallest is hidden as well (complementary suppression;
Willenborg & de Waal 2001, "Elements of Statistical Disclosure Control", chapter 4). In a matrix whose
rows and columns have totals, every hidden cell is a corner of a rectangle of hidden cells round
which one customer could be moved without changing any total (the hypercube method of
Giessing & Repsilber 2002, "Tools and strategies to protect multiple tables with the GHQUAR cell
suppression engine"). An empty cell is shown: it is a group of nobody.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import polars as pl

FEW = "few"
"""Stands for the label of everybody whose group is too small to be shown."""


def hidden(counts: Sequence[int], k: int, already: Sequence[bool] = ()) -> list[bool]:
    """Say which groups of a table must not be shown by themselves; their total may be.

    ``counts`` are customers per group, in an order that repeats; ``already`` says which are hidden
    anyway. Groups below ``k`` are hidden, and as many of the next smallest as it takes for the hidden
    ones to be several, to count ``k`` customers together, and not to be one customer each. Where
    that cannot be, all are.
    """
    chosen = {
        place for place, n in enumerate(counts) if 0 < n < k or (place < len(already) and already[place])
    }
    rest = [place for place in range(len(counts)) if place not in chosen]
    for place in sorted(rest, key=lambda place: (counts[place] == 0, counts[place], place)):
        if not chosen or _holds([counts[place] for place in chosen], k):
            break
        chosen.add(place)
    return [place in chosen for place in range(len(counts))]


def hidden_cells(
    counts: Sequence[Sequence[int]], k: int, rows: Sequence[bool] = (), columns: Sequence[bool] = ()
) -> list[list[bool]]:
    """Say which cells of a matrix must not be shown while totals of rows and columns are.

    ``rows`` and ``columns`` say whose totals are hidden, as by :func:`hidden`, which decides where
    they are not given; all cells with customers in such a row or column are hidden with it. The
    hidden cells of a row or column with a total count at least ``k`` customers together. Where a
    cell cannot be kept from being computed, all are hidden.
    """
    if not counts or not counts[0]:
        return [[] for _ in counts]
    totals = [sum(row) for row in counts]
    below = [sum(column) for column in zip(*counts, strict=True)]
    ways = []
    for empty_first in (True, False):
        matrix = _Matrix(
            [[*row, total] for row, total in zip(counts, totals, strict=True)] + [[*below, sum(below)]],
            list(rows) or hidden(totals, k),
            list(columns) or hidden(below, k),
            empty_first,
        )
        matrix.hide_small(k)
        while matrix.protect() and matrix.fill(k):
            pass
        ways.append([row[:-1] for row in matrix.hidden[:-1]])
    return min(ways, key=lambda way: _customers_in(way, counts))


def merged_values(values: pl.Series, k: int, other: str) -> pl.Series:
    """Return the texts with those of fewer than ``k`` rows replaced by ``other``; null stays null."""
    counts = values.drop_nulls().value_counts(name="customers").sort(values.name)
    few = counts.filter(pl.Series(hidden(counts["customers"].to_list(), k), dtype=pl.Boolean))
    gone = values.is_in(few[values.name].implode()).fill_null(value=False)
    return pl.select(pl.when(gone).then(pl.lit(other)).otherwise(values)).to_series().alias(values.name)


def merged_bins(counts: Sequence[int], k: int) -> list[tuple[int, int]]:
    """Return neighbouring bins put together so that each counts ``k``: (first, last) places, in order.

    Nothing where all together count fewer.
    """
    bins: list[tuple[int, int]] = []
    first = inside = 0
    for place, n in enumerate(counts):
        inside += n
        if inside >= max(k, 1):
            bins.append((first, place))
            first, inside = place + 1, 0
    if bins and inside:
        bins[-1] = (bins[-1][0], len(counts) - 1)
    return bins


def _holds(counts: Sequence[int], k: int) -> bool:
    """Say whether hidden groups whose total is known stay unknown one by one."""
    return len(counts) > 1 and sum(counts) >= k and sum(counts) > len(counts)


def _customers_in(hidden_cells: Sequence[Sequence[bool]], counts: Sequence[Sequence[int]]) -> int:
    """Count the customers in hidden cells."""
    lines = zip(hidden_cells, counts, strict=True)
    return sum(n for gone, line in lines for hid, n in zip(gone, line, strict=True) if hid)


class _Matrix:
    """A matrix with its totals in the last row and column, and which cells of both are hidden.

    To protect a cell others are hidden with it: empty ones before customers, or the other way round.
    Neither order hides fewer customers in every matrix.
    """

    def __init__(
        self, counts: list[list[int]], rows: list[bool], columns: list[bool], empty_first: bool
    ) -> None:
        self.counts = counts
        self.empty_first = empty_first
        self.height, self.width = len(rows), len(columns)
        inner = [
            [count > 0 and (row or column) for count, column in zip(line, columns, strict=False)]
            for line, row in zip(counts, rows, strict=False)
        ]
        self.hidden = [[*line, row] for line, row in zip(inner, rows, strict=True)] + [[*columns, False]]

    def hide_small(self, k: int) -> None:
        """Hide the cells below ``k``."""
        for row, column in self._cells():
            self.hidden[row][column] |= 0 < self.counts[row][column] < k

    def protect(self) -> bool:
        """Give every hidden cell a rectangle of hidden cells; hide all and say no where one has none."""
        for row, column in self._cells():
            if not self.hidden[row][column]:
                continue
            found = [
                (cost, r, c)
                for r, c in itertools.product(range(self.height + 1), range(self.width + 1))
                if (cost := self._cost(row, column, r, c)) is not None
            ]
            if not found:
                for r, c in self._cells():
                    self.hidden[r][c] = True
                return False
            _, r, c = min(found)
            self.hidden[row][c] = self.hidden[r][column] = self.hidden[r][c] = True
        return True

    def fill(self, k: int) -> bool:
        """Hide one more cell in a row or column whose hidden ones count too few together; say if so."""
        lines = [[(row, column) for column in range(self.width)] for row in range(self.height)]
        lines += [[(row, column) for row in range(self.height)] for column in range(self.width)]
        ends = [(row, self.width) for row in range(self.height)]
        ends += [(self.height, column) for column in range(self.width)]
        for cells, (row, column) in zip(lines, ends, strict=True):
            inside = [self.counts[r][c] for r, c in cells if self.hidden[r][c]]
            if self.hidden[row][column] or not sum(inside) or sum(inside) >= k:
                continue
            rest = [(self.counts[r][c], r, c) for r, c in cells if not self.hidden[r][c]]
            if more := [cell for cell in rest if cell[0]]:
                _, r, c = min(more)
                self.hidden[r][c] = True
                return True
        return False

    def _cells(self) -> itertools.product[tuple[int, int]]:
        return itertools.product(range(self.height), range(self.width))

    def _cost(self, row: int, column: int, r: int, c: int) -> tuple[int, int] | None:
        """Return what hiding a rectangle costs in empty cells and customers; None if it is no help.

        A total stands on the other side of the sum, so it moves with its cells instead of against them.
        """
        if r == row or c == column or (r == self.height and c == self.width):
            return None
        corners = ((row, c), (r, column), (r, c))
        new = [corner for corner in corners if not self.hidden[corner[0]][corner[1]]]
        if any(x == self.height or y == self.width for x, y in new):
            return None
        here, beside, below, across = (
            self.counts[x][y] for x, y in ((row, column), (row, c), (r, column), (r, c))
        )
        if c == self.width:
            pairs = ((here, beside), (below, across))
        elif r == self.height:
            pairs = ((here, below), (beside, across))
        else:
            pairs = ((here, across), (beside, below))
        if not any(min(pair) >= 1 for pair in pairs):
            return None
        taken = [self.counts[x][y] for x, y in new]
        empty = sum(count == 0 for count in taken)
        return (empty, sum(taken)) if self.empty_first else (sum(taken), empty)
