"""The state of customers whose orders lie in runs: sorted by customer, then by day.

The same state as :func:`crmlab.aggregates.customers.lift`, bit by bit, in one walk along the rows: no
hashing and no sorting, and by blocks of rows that stay in the cache of a processor, so that it costs less
than reading them. Buckets of a store lie like this.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from threading import Lock
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crmlab.aggregates.customers import KEY, columns
from crmlab.aggregates.layout import Layout
from crmlab.aggregates.tallies import Coded, Ints, Tally, sums, upto
from crmlab.summary import day_number

BLOCK_ROWS = 1 << 15
"""Rows of a block, unless one customer has more."""
_OF_PAID = ("smallest_hundredths", "first_day", "largest_hundredths", "last_day")
"""Columns that are null for who has no paid order."""

_ONE = Lock()
"""Held by the one walk under way: a second one at the same time would take turns with it call by call, which
costs more than waiting."""

Column = tuple[str, Ints]
"""Name and values of a column of the state."""


def lift(orders: pl.DataFrame, layout: Layout, as_of: date | None = None) -> pl.DataFrame:
    """Turn orders into a state per customer, in the order of their runs.

    ``orders`` is sorted by ``customer_id``, then by ``day``; a customer in two runs would come out twice.
    """
    if as_of is not None:
        orders = orders.filter(pl.col("day") <= day_number(as_of))
    if orders.is_empty():
        return _nobody(orders, layout, as_of)
    who, starts = _starts(orders[KEY])
    bounds = np.append(starts, orders.height)
    walk = _Walk(orders, layout, as_of)
    names = columns(layout, as_of)
    # In one piece, for which the system takes less time than for as much memory in many.
    found = dict(zip(names[1:], np.zeros((len(names) - 1, len(starts)), np.int64), strict=True))
    with _ONE:
        for first, last in pairwise(_blocks(bounds)):
            for name, values in walk.state(bounds[first : last + 1]):
                found[name][first:last] = values
    return pl.DataFrame({KEY: who, **found}).select(
        pl.when(pl.col("order_count") > 0).then(name).alias(name) if name in _OF_PAID else name
        for name in names
    )


class _Walk:
    """What becomes of runs of orders."""

    def __init__(self, orders: pl.DataFrame, layout: Layout, as_of: date | None) -> None:
        self.day = orders["day"].cast(pl.Int64)
        self.amount = orders["amount_hundredths"].cast(pl.Int64)
        self.gaps = layout.gaps
        self.windows = _Windows(layout, as_of) if as_of is not None and layout.windows else None
        self.values = _values(orders, layout)

    def state(self, bounds: Ints) -> Iterator[Column]:
        """Return the state of some runs: ``bounds`` are their first rows, and the end of the last one."""
        first, last = int(bounds[0]), int(bounds[-1])
        rows, bounds = slice(first, last), bounds - first
        day, amount = self.day[rows].to_numpy(), self.amount[rows].to_numpy()
        below = upto(amount)
        yield "spend_hundredths", np.diff(below.take(bounds))
        if self.windows:
            yield from self.windows.spends(day, below, bounds)
        unpaid = np.flatnonzero(amount <= 0)
        counts: dict[str, Ints] = {}
        for values in self.values:
            codes = values.coded.rows(rows, unpaid, amount[unpaid] == 0)
            counts |= values.tally.of(codes, bounds)
            for name, bits in values.masks.items():
                yield name, np.bitwise_or.reduceat(bits.take(codes), bounds[:-1])
        paid = np.diff(bounds) - counts["refund_count"] - counts["zero_count"]
        yield from counts.items()
        yield "order_count", paid
        yield "largest_hundredths", np.maximum.reduceat(amount, bounds[:-1])
        # Without a sign, what is not positive is larger, less one, than all that is.
        least = np.minimum.reduceat((amount - 1).view(np.uint64), bounds[:-1])
        yield "smallest_hundredths", least.view(np.int64) + 1
        if paid.any():
            yield from self._days(np.delete(day, unpaid) if len(unpaid) else day, paid)

    def _days(self, day: Ints, paid: Ints) -> Iterator[Column]:
        """Return what follows from the days of the paid orders, of which each run has this number."""
        bounds = upto(paid)
        some = paid > 0
        starts = bounds[:-1][some]
        yield "first_day", _spread(day[starts], some)
        yield "last_day", _spread(day[bounds[1:][some] - 1], some)
        if self.gaps:
            gap = np.diff(day, prepend=day[:1])
            gap[starts] = 0
            yield "purchase_days", sums((gap > 0).astype(np.int64), bounds) + some
            yield "gap_squares", sums(gap * gap, bounds)
            yield "longest_gap", _spread(np.maximum.reduceat(gap, starts), some)


class _Windows:
    """The sums over the days up to the as-of day: rows of the last days are the last of their run."""

    def __init__(self, layout: Layout, as_of: date) -> None:
        names = {days: name for name, days in layout.spends(as_of).items()}
        # A row is in a window and in all longer ones: its code is in how many.
        self.days = sorted(names, reverse=True)
        self.today = day_number(as_of)
        self.dtype = np.min_scalar_type(len(names))
        within = {names[days]: range(at, len(names) + 1) for at, days in enumerate(self.days, 1)}
        self.tally = Tally(within, len(names))

    def spends(self, day: Ints, below: Ints, bounds: Ints) -> Iterator[Column]:
        """Return the sums of runs; ``below`` is what the amounts before each row sum up to."""
        codes = np.zeros(len(day), self.dtype)
        for days in self.days:
            codes += day > self.today - days
        ends, upto_end = bounds[1:], below.take(bounds[1:])
        for name, rows in self.tally.of(codes.astype(np.intp), bounds).items():
            yield name, upto_end - below.take(ends - rows)


class _Values(NamedTuple):
    """A column of few values: its codes, their counters, and for each mask the bit of each code."""

    coded: Coded
    tally: Tally
    masks: dict[str, Ints]


def _values(orders: pl.DataFrame, layout: Layout) -> list[_Values]:
    """Return the columns whose values are counted; refunds and zeros are counted along with one of them."""
    found = []
    for kind, column, values in (
        ("channel", "channel", layout.channels),
        ("category", layout.category_column, layout.categories),
    ):
        if values:
            counts = {name: value for name, (_, value) in layout.counts.items() if name.startswith(kind)}
            found.append((Coded(orders[column], values), counts, layout.masks if kind == "category" else {}))
    if not found:
        nothing = pl.repeat(None, orders.height, dtype=pl.Enum([]), eager=True)
        found.append((Coded(nothing, ()), {}, {}))
    fewest = min(range(len(found)), key=lambda place: len(found[place][1]))
    return [
        _Values(
            coded,
            coded.tally(counts, unpaid=place == fewest),
            {name: coded.bits(values) for name, values in masks.items()},
        )
        for place, (coded, counts, masks) in enumerate(found)
    ]


def _spread(values: Ints, some: NDArray[np.bool_]) -> Ints:
    """Return the values of some runs among all, 0 for the others."""
    if len(values) == len(some):
        return values
    found = np.zeros(len(some), np.int64)
    found[some] = values
    return found


def _starts(customers: pl.Series) -> tuple[pl.Series, Ints]:
    """Return the customers of the runs, and the rows at which these begin."""
    who, starts, offset = [], [], 0
    before = pl.Series(dtype=customers.dtype)
    for rows in customers.get_chunks():  # each lies in one piece, and need not be copied
        if len(rows):
            new = np.ones(len(rows), bool)
            new[1:] = rows[1:].ne_missing(rows[:-1]).to_numpy()
            if len(before):
                new[0] = rows[:1].ne_missing(before).item()
            found = np.flatnonzero(new)
            who.append(rows.gather(found))
            starts.append(found + offset)
            offset, before = offset + len(rows), rows[-1:]
    return pl.concat(who), np.concatenate(starts)


def _blocks(bounds: Ints) -> Ints:
    """Return the first run of each block, and the number of runs."""
    rows = np.arange(0, bounds[-1], BLOCK_ROWS)
    return np.unique(np.append(np.searchsorted(bounds, rows), len(bounds) - 1))


def _nobody(orders: pl.DataFrame, layout: Layout, as_of: date | None) -> pl.DataFrame:
    names = columns(layout, as_of)
    return pl.DataFrame(schema={name: orders.schema[KEY] if name == KEY else pl.Int64 for name in names})
