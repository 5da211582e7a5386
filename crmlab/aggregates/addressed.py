"""The state of customers whose ids are whole numbers close together: the id is the place of the record.

A direct-address table (Cormen et al., Introduction to Algorithms, chapter 11): what a row adds goes straight
to the record of its customer, with no hashing, no sorting and no groups. The numbers of a record lie side by
side, and rows are taken in small batches, so that a record is fetched from memory once and not once per
number. The same state as :func:`crmlab.aggregates.customers.lift`, bit by bit, but for gaps, which need the
orders in the order of days.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crmlab import memory
from crmlab.aggregates.customers import KEY, columns
from crmlab.aggregates.layout import BITS, Layout
from crmlab.errors import DataError
from crmlab.summary import day_number

Ints = NDArray[np.int64]

_RFM = Layout(windows=(), gaps=False)
_SPARSE = 4
"""Records per row, above which most of the table would be empty."""
_MOST_PARTS = 16
"""Parts of the table, one walk along the rows each, above which hashing is quicker."""
_SHARE = 0.5
"""The part of the memory to plan with that the table may take."""
_READ_ROWS = 1 << 18
_ROWS = 1 << 12
"""Rows whose records stay in the cache of a processor while all their numbers are added."""
_FAR = np.iinfo(np.int64).max
_NEVER, _UNPAID, _LATEST = -(1 << 31), 1 - (1 << 31), (1 << 31) - 1


def rfm(orders: pl.LazyFrame, as_of: date) -> pl.DataFrame | None:
    """Return the state of :func:`crmlab.aggregates.rfm.lift`; None where the ids do not lend themselves.

    A record is the spend (8 bytes), the last day and the orders (4 bytes each).
    """
    rows = _rows(orders)
    if rows is None:
        return None
    most = min(_SPARSE * rows + _ROWS, _most(16))
    low, table = 0, np.zeros(0, np.int64)
    for ids, (amount, day, *_) in _walk(orders, as_of):
        first, last = int(ids.min()), int(ids.max())
        if first < low or last >= low + len(table) // 2:
            if len(table):
                first, last = min(low, first), max(low + len(table) // 2 - 1, last)
            if last - first >= most:
                return None
            low, table = _grown(low, table, first, last)
            halves = table.view(np.int32)
        paid = amount > 0
        at = ids - low
        at *= 2
        np.add.at(table, at, amount)
        at *= 2
        at += 2
        np.maximum.at(halves, at, day if paid.all() else np.where(paid, day, np.int32(_UNPAID)))
        at += 1
        np.add.at(halves, at, paid.astype(np.int32))
    halves = table.view(np.int32)
    seen = np.flatnonzero(halves[2::4] > _NEVER)
    last_day = halves[2::4].take(seen)
    return pl.DataFrame(
        {
            KEY: pl.Series(seen + low).cast(orders.collect_schema()[KEY]),
            "order_count": halves[3::4].take(seen).astype(np.int64),
            "spend_hundredths": table[::2].take(seen),
            "last_day": _known(last_day.astype(np.int64), last_day > _UNPAID),
        }
    )


def _grown(low: int, table: Ints, first: int, last: int) -> tuple[int, Ints]:
    """Return a table that reaches from ``first`` to ``last``, with some room beyond."""
    room = (last - first) // 8
    grown = np.zeros(2 * (last - first + 1 + 2 * room), np.int64)
    grown.view(np.int32)[2::4] = _NEVER
    start = 2 * (low - first + room)
    grown[start : start + len(table)] = table
    return first - room, grown


def lift(orders: pl.LazyFrame, layout: Layout, as_of: date | None = None) -> pl.DataFrame | None:
    """Return the state without gaps, sorted by customer; None where the ids do not lend themselves.

    A table that is larger than the memory is filled part by part, in a walk along the rows each.
    """
    rows = None if layout.gaps else _rows(orders)
    if rows is None:
        return None
    ids = pl.col(KEY)
    ends = orders.select(low=ids.min(), high=ids.max(), lacking=ids.null_count()).collect(engine="streaming")
    low, high, lacking = ends.row(0)
    if lacking:
        raise _lacking([KEY])
    if low is None or high - low >= _SPARSE * rows + _ROWS:
        return None
    size = high - low + 1
    parts = -(-size // _most(8 * _Fields(layout, as_of).words))
    if parts > _MOST_PARTS:
        return None
    if parts == 1:
        return _lift(orders, low, size, layout, as_of)
    starts = [low + size * part // parts for part in range(parts + 1)]
    return pl.concat(
        _lift(orders.filter(ids.is_between(start, end - 1)), start, end - start, layout, as_of)
        for start, end in pairwise(starts)
    )


def _rows(orders: pl.LazyFrame) -> int | None:
    """Return the number of rows; None where ids are no whole numbers or counters could overflow."""
    dtype = orders.collect_schema()[KEY]
    if not dtype.is_integer() or dtype in (pl.UInt64, pl.Int128, pl.UInt128):
        return None
    rows = int(orders.select(pl.len()).collect(engine="streaming").item())
    return rows if rows <= _LATEST else None


def _most(record: int) -> int:
    """Return how many records of so many bytes a table may have."""
    return int(memory.budget_mb() * (1 << 20) * _SHARE / record)


class _Fields:
    """Where each number of a record lies: in words of 8 bytes, then halves of 4, then single bytes.

    The spend by window (the shortest, what the next has beyond it, …, what is in none), the smallest and the
    largest amount; the first and the last day; rows by channel, in none of them, refunds and zeros; rows by
    counted category, and in none of them; a byte per category that was bought, and one for none.
    """

    def __init__(self, layout: Layout, as_of: date | None) -> None:
        self.bounds = [day_number(as_of) - days for days in sorted(layout.windows)] if as_of else []
        self.smallest = len(self.bounds) + 1
        self.largest = self.smallest + 1
        self.first = 2 * (self.largest + 1)
        self.last = self.first + 1
        self.channels = self.last + 1
        self.refunds = self.channels + len(layout.channels) + 1
        self.zeros = self.refunds + 1
        self.categories = self.zeros + 1
        self.counted = min(layout.counted, len(layout.categories))
        self.halves = self.categories + self.counted + 1
        self.bought = 4 * self.halves
        self.words = -(-(self.bought + len(layout.categories) + 1) // 8)


def _lift(orders: pl.LazyFrame, low: int, size: int, layout: Layout, as_of: date | None) -> pl.DataFrame:
    """Return the state of the customers with ids from ``low`` on, ``size`` of them."""
    fields = _Fields(layout, as_of)
    table = np.zeros((size, fields.words), np.int64)
    table[:, fields.smallest] = _FAR
    table.view(np.int32)[:, fields.first] = _LATEST
    table.view(np.int32)[:, fields.last] = _NEVER
    words = table.reshape(-1)
    halves, single, one = words.view(np.int32), words.view(np.uint8), np.int32(1)
    none = len(layout.channels), len(layout.categories)
    for ids, (amount, day, channel, category) in _walk(orders, as_of, layout):
        word = (ids - low) * fields.words
        half = word * 2
        first = last = day
        smallest, paid = amount, amount > 0
        if not paid.all():
            first, last = (np.where(paid, day, np.int32(other)) for other in (_LATEST, _UNPAID))
            smallest = np.where(paid, amount, _FAR)
            channel = np.where(paid, channel, none[0] + 1 + (amount == 0))
            category = np.where(paid, category, none[1])
        window = sum((day <= bound for bound in fields.bounds), start=word)
        np.add.at(words, window, amount)
        np.minimum.at(words, word + fields.smallest, smallest)
        np.maximum.at(words, word + fields.largest, amount)
        np.minimum.at(halves, half + fields.first, first)
        np.maximum.at(halves, half + fields.last, last)
        np.add.at(halves, half + fields.channels + channel, one)
        if layout.categories:
            np.add.at(halves, half + fields.categories + np.minimum(category, fields.counted), one)
            single[half * 4 + fields.bought + category] = 1
    return _read(table, fields, layout, as_of).with_columns(
        (pl.col(KEY) + low).cast(orders.collect_schema()[KEY])
    )


def _read(table: Ints, fields: _Fields, layout: Layout, as_of: date | None) -> pl.DataFrame:
    """Return the records of the table as a state, with their places for ids."""
    seen = np.flatnonzero(table.view(np.int32)[:, fields.last] > _NEVER)
    words = np.empty((fields.first // 2, len(seen)), np.int64)
    halves = np.empty((fields.halves - fields.first, len(seen)), np.int64)
    masks = {name: np.empty(len(seen), np.int64) for name in layout.masks}
    for start in range(0, len(seen), _ROWS // 2):
        some = slice(start, start + _ROWS // 2)
        records = table[seen[some]]
        words[:, some] = records[:, : len(words)].T
        halves[:, some] = records.view(np.int32)[:, fields.first : fields.halves].T
        bought = records.view(np.uint8)[:, fields.bought :]
        for place, mask in enumerate(masks.values()):
            mine = bought[:, place * BITS : min((place + 1) * BITS, len(layout.categories))]
            packed = np.packbits(mine, axis=1, bitorder="little")
            whole = np.zeros((len(records), 8), np.uint8)
            whole[:, : packed.shape[1]] = packed
            mask[some] = whole.view("<i8")[:, 0]
    np.cumsum(words[: fields.smallest], axis=0, out=words[: fields.smallest])
    channels, categories = (
        halves[start - fields.first : end - fields.first]
        for start, end in ((fields.channels, fields.refunds), (fields.categories, fields.halves))
    )
    paid = channels.sum(axis=0)
    has = paid > 0
    made: dict[str, Ints | pl.Series] = {
        KEY: seen,
        "order_count": paid,
        "refund_count": halves[fields.refunds - fields.first],
        "zero_count": halves[fields.zeros - fields.first],
        "spend_hundredths": words[fields.smallest - 1],
        "smallest_hundredths": _known(words[fields.smallest], has),
        "largest_hundredths": _known(words[fields.largest], has),
        "first_day": _known(halves[0], has),
        "last_day": _known(halves[1], has),
        **masks,
    }
    counted = [*channels[:-1], *categories[:-1]]
    made |= dict(zip(layout.counts, counted, strict=True))
    if as_of is not None:
        places = {days: place for place, days in enumerate(sorted(layout.windows))}
        made |= {name: words[places[days]] for name, days in layout.spends(as_of).items()}
    return pl.DataFrame(made).select(columns(layout, as_of))


def _walk(
    orders: pl.LazyFrame, as_of: date | None, layout: Layout = _RFM
) -> Iterator[tuple[Ints, list[Any]]]:
    """Return, for a few rows at a time, ids, and amounts, days and the codes of channel and category."""
    coded = {
        "channel_code": ("channel", layout.channels),
        "category_code": (layout.category_column, layout.categories),
    }
    needed = orders.select(
        KEY,
        "amount_hundredths",
        pl.col("day").cast(pl.Int32),
        *[_code(column, values).alias(name) for name, (column, values) in coded.items() if values],
    )
    if as_of is not None:
        needed = needed.filter((pl.col("day") <= day_number(as_of)).fill_null(value=True))
    for batch in needed.collect_batches(chunk_size=_READ_ROWS, maintain_order=False):
        if empty := [column.name for column in batch if column.null_count()]:
            raise _lacking(empty)
        given = {column.name: column.to_numpy() for column in batch}
        given[KEY] = given[KEY].astype(np.int64, copy=False)
        for start in range(0, batch.height, _ROWS):
            some = {name: values[start : start + _ROWS] for name, values in given.items()}
            codes = [some.get(name, np.int64(0)) for name in coded]
            yield some[KEY], [some["amount_hundredths"], some["day"], *codes]


def _code(column: str, values: tuple[str, ...]) -> pl.Expr:
    """Return the place of each text among ``values``; their number for any other text, and for null."""
    codes = pl.col(column).cast(pl.Enum(values), strict=False).to_physical()
    return codes.cast(pl.Int64).fill_null(len(values))


def _known(values: Ints, known: NDArray[np.bool_]) -> pl.Series:
    """Return the values as a series, null where they are not known."""
    return pl.select(pl.when(pl.Series(known)).then(pl.Series(values))).to_series()


def _lacking(names: list[str]) -> DataError:
    return DataError(
        f"Some orders lack {', '.join(names)}. A state is made from orders that were cleaned: leave these "
        "out and count them, as `crmlab ingest` does."
    )
