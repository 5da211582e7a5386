"""The state of customers whose orders lie in runs: sorted by customer, then by day.

The same state as :func:`crmlab.aggregates.customers.lift`, bit by bit, in one walk along the rows: no
hashing and no sorting, so it costs little more than reading them. Buckets of a store lie like this.
"""

from __future__ import annotations

from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crmlab.aggregates.customers import KEY, columns
from crmlab.aggregates.layout import Layout
from crmlab.summary import day_number

Ints = NDArray[np.int64]
_LARGEST = np.iinfo(np.int64).max


def lift(orders: pl.DataFrame, layout: Layout, as_of: date | None = None) -> pl.DataFrame:
    """Turn orders into a state per customer, in the order of their runs.

    ``orders`` is sorted by ``customer_id``, then by ``day``; a customer in two runs would come out twice.
    """
    if as_of is not None:
        orders = orders.filter(pl.col("day") <= day_number(as_of))
    if orders.is_empty():
        return _nobody(orders, layout, as_of)
    starts = _starts(orders[KEY])
    found: dict[str, Any] = {KEY: orders[KEY].gather(starts)}
    runs = _Runs(starts, orders.height)
    day = orders["day"].cast(pl.Int64).to_numpy()
    amount = orders["amount_hundredths"].to_numpy()
    paid = amount > 0
    found["order_count"] = runs.count(paid)
    found["refund_count"] = runs.count(amount < 0)
    found["zero_count"] = runs.length - found["order_count"] - found["refund_count"]
    found["spend_hundredths"] = runs.sum(amount)
    bought = runs.of(paid)
    has = found["order_count"] > 0
    paid_day, paid_amount = day[paid], amount[paid]
    for name, values, extreme in (
        ("smallest_hundredths", paid_amount, np.minimum),
        ("first_day", paid_day, np.minimum),
        ("largest_hundredths", paid_amount, np.maximum),
        ("last_day", paid_day, np.maximum),
    ):
        found[name] = _where(has, bought.reduce(extreme, values))
    found |= _counts(orders, layout, paid, runs)
    if as_of is not None:
        for name, days in layout.spends(as_of).items():
            found[name] = runs.sum(np.where(day > day_number(as_of) - days, amount, 0))
    if layout.gaps:
        found |= _gaps(paid_day, bought)
    return pl.DataFrame(found).select(columns(layout, as_of))


class _Runs:
    """Runs of rows, each of one customer: where they start, how long they are."""

    def __init__(self, starts: Ints, rows: int) -> None:
        self.starts = starts
        self.rows = rows
        self.length = np.diff(starts, append=rows)

    @cached_property
    def owner(self) -> Ints:
        """The number of the run of each row."""
        return np.repeat(np.arange(len(self.starts)), self.length)

    def count(self, rows: NDArray[np.bool_]) -> Ints:
        """Count the true rows of each run."""
        below = np.zeros(self.rows + 1, np.int64)
        np.cumsum(rows, out=below[1:])
        return below[self.starts + self.length] - below[self.starts]

    def sum(self, values: Ints) -> Ints:
        """Sum the values of each run."""
        return np.add.reduceat(values, self.starts)

    def of(self, rows: NDArray[np.bool_]) -> _Part:
        """Return the runs that the true rows form, those without any among them."""
        return _Part(self.count(rows))


class _Part:
    """Runs of some of the rows, of which some may have none."""

    def __init__(self, length: Ints) -> None:
        self.filled = np.flatnonzero(length)
        self.starts = (np.cumsum(length) - length)[self.filled]
        self.runs = len(length)

    def reduce(self, function: np.ufunc, values: Ints) -> Ints:
        """Reduce the values of each run; 0 where there is none."""
        found = np.zeros(self.runs, np.int64)
        if len(self.filled):
            found[self.filled] = function.reduceat(values, self.starts)
        return found


def _starts(customers: pl.Series) -> Ints:
    changes = (customers != customers.shift(1)).fill_null(value=True)
    return changes.arg_true().to_numpy().astype(np.int64)


def _where(known: NDArray[np.bool_], values: Ints) -> pl.Series:
    """Return the values as a series, null where they are not known."""
    frame = pl.DataFrame({"value": values, "known": known})
    return frame.select(pl.when("known").then("value")).to_series()


def _counts(orders: pl.DataFrame, layout: Layout, paid: NDArray[np.bool_], runs: _Runs) -> dict[str, Ints]:
    """Count the paid orders of each run by channel and category, and mark the categories in bits."""
    found: dict[str, Ints] = {}
    for kind, column, values in (
        ("channel", "channel", layout.channels),
        ("category", layout.category_column, layout.categories),
    ):
        if not values:
            continue
        codes = _codes(orders[column], values)
        codes[~paid] = len(values)
        if kind == "category":
            found |= _bits(codes, layout, runs)
        wanted = [name for name in layout.counts if name.startswith(kind)]
        if not wanted:
            continue
        cells = runs.owner * (len(values) + 1) + codes
        counted = np.bincount(cells, minlength=len(runs.starts) * (len(values) + 1))
        counted = counted.astype(np.int64, copy=False).reshape(len(runs.starts), -1)
        found |= {name: counted[:, place] for place, name in enumerate(wanted)}
    return found


def _codes(column: pl.Series, values: tuple[str, ...]) -> Ints:
    """Return the place of each text among ``values``; their number for any other text, and for null."""
    if not isinstance(column.dtype, pl.Enum):
        column = column.cast(pl.Enum(values), strict=False)
    dtype = column.dtype
    assert isinstance(dtype, pl.Enum)
    places = {value: place for place, value in enumerate(values)}
    written = dtype.categories.to_list()
    table = np.array([*(places.get(value, len(values)) for value in written), len(values)], np.int64)
    return table.take(column.to_physical().fill_null(len(written)).to_numpy())


def _bits(codes: Ints, layout: Layout, runs: _Runs) -> dict[str, Ints]:
    found, start = {}, 0
    for mask, values in layout.masks.items():
        table = np.zeros(len(layout.categories) + 1, np.int64)
        table[start : start + len(values)] = 1 << np.arange(len(values), dtype=np.int64)
        found[mask] = np.bitwise_or.reduceat(table.take(codes), runs.starts)
        start += len(values)
    return found


def _gaps(day: Ints, bought: _Part) -> dict[str, Any]:
    """Return purchase days and the gaps between them, of the days of paid orders in their runs."""
    gap = np.diff(day, prepend=day[:1])
    gap[bought.starts] = 0
    new = (gap > 0).astype(np.int64)
    new[bought.starts] = 1
    return {
        "purchase_days": bought.reduce(np.add, new),
        "gap_squares": bought.reduce(np.add, gap * gap),
        "longest_gap": bought.reduce(np.maximum, gap),
    }


def _nobody(orders: pl.DataFrame, layout: Layout, as_of: date | None) -> pl.DataFrame:
    names = columns(layout, as_of)
    return pl.DataFrame(schema={name: orders.schema[KEY] if name == KEY else pl.Int64 for name in names})
