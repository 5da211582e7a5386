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

_SPARSE = 4
"""Records per row, above which most of the table would be empty."""
_MOST_PARTS = 16
"""Parts of the table, one walk along the rows each, above which hashing is quicker."""
_SHARE = 0.5
"""The part of the memory to plan with that the table may take."""
_PAID = "paid"
_BLOCK = 1 << 16
"""Records that are read at a time, which needs no memory to speak of."""
_ROWS = 1 << 11
"""Rows whose records stay in the cache of a processor while all their numbers are added."""
_FAR = (1 << 63) - 1
_NEVER, _UNPAID, _LATEST = -(1 << 31), 1 - (1 << 31), (1 << 31) - 1
"""Last days of nobody, and of whoever paid for nothing; the largest number of 4 bytes."""


def rfm(orders: pl.LazyFrame, as_of: date) -> pl.DataFrame | None:
    """Return the state of :func:`crmlab.aggregates.rfm.lift`; None where the ids do not lend themselves.

    A record is the spend (8 bytes), the last day and the orders (4 bytes each), all zero if it is nobody's.
    What a row says by itself is worked out by polars, on all processors; here it is only added up.
    """
    filled = _filled(orders, as_of)
    if filled is None:
        return None
    low, table = filled
    found = [_found(table[at : at + _BLOCK], low + at) for at in range(0, max(len(table), 1), _BLOCK)]
    del filled, table  # before as much is needed to join what was found
    last_day = pl.col("last_day")
    return pl.concat(found, rechunk=True).with_columns(
        pl.col(KEY).cast(orders.collect_schema()[KEY]), pl.when(last_day > _UNPAID).then(last_day)
    )


def _filled(orders: pl.LazyFrame, as_of: date) -> tuple[int, Ints] | None:
    """Return the id of the first record, and the records."""
    rows = _rows(orders)
    if rows is None:
        return None
    most = min(_SPARSE * rows + _ROWS, _most(16))
    paid, unpaid = pl.col("amount_hundredths") > 0, pl.lit(_UNPAID - _NEVER, pl.UInt32)
    day = (pl.col("day").cast(pl.Int64) - _NEVER).cast(pl.UInt32, strict=False)
    numbers = (
        pl.when(day > unpaid).then(pl.when(paid).then(day).otherwise(unpaid)),
        paid.cast(pl.Int32).alias(_PAID),
    )
    low, table = 0, np.zeros((0, 2), np.int64)
    for given in _batches(orders, as_of, *numbers):
        ids, amounts, days, counts = given.values()
        first, end = int(ids.min()), int(ids.max()) + 1
        if first < low or end > low + len(table):
            if len(table):
                first, end = min(low, first), max(low + len(table), end)
            if end - first > most:
                return None
            low, table = _grown(low, table, first, end)
        spend, last, count = _columns(table)
        for start in range(0, len(ids), _ROWS):
            some = slice(start, start + _ROWS)
            at = ids[some] - low
            np.add.at(spend, at, amounts[some])
            np.maximum.at(last, at, days[some])
            np.add.at(count, at, counts[some])
    return low, table


def _grown(low: int, table: Ints, first: int, end: int) -> tuple[int, Ints]:
    """Return a table that reaches from ``first`` to before ``end``, with some room on both sides."""
    room = (end - first) // 8
    start, stop = max(first - room, -_FAR - 1), min(end + room, _FAR + 1)
    grown = np.zeros((stop - start, 2), np.int64)
    if len(table):
        grown[low - start : low - start + len(table)] = table
    return start, grown


def _found(table: Ints, low: int) -> pl.DataFrame:
    """Return the records that are somebody's, with the last day as a number in any case."""
    spend, last, count = _columns(table)
    seen = np.flatnonzero(last)
    return pl.DataFrame(
        {
            KEY: seen + low,
            "order_count": count[seen].astype(np.int64),
            "spend_hundredths": spend[seen],
            "last_day": last[seen].astype(np.int64) + _NEVER,
        }
    )


def _columns(table: Ints) -> tuple[Ints, NDArray[np.uint32], NDArray[np.int32]]:
    """Return the spend, the last day (counted from ``_NEVER``) and the orders of all records."""
    return table[:, 0], table.view(np.uint32)[:, 2], table.view(np.int32)[:, 3]


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


def _walk(orders: pl.LazyFrame, as_of: date | None, layout: Layout) -> Iterator[tuple[Ints, list[Any]]]:
    """Return, for a few rows at a time, ids, and amounts, days and the codes of channel and category."""
    coded = {
        "channel_code": ("channel", layout.channels),
        "category_code": (layout.category_column, layout.categories),
    }
    day = pl.col("day").cast(pl.Int32, strict=False)
    codes = [_code(column, values).alias(name) for name, (column, values) in coded.items() if values]
    for given in _batches(orders, as_of, pl.when(day > _UNPAID).then(day), *codes):
        for start in range(0, len(given[KEY]), _ROWS):
            some = {name: values[start : start + _ROWS] for name, values in given.items()}
            places = [some.get(name, np.int64(0)) for name in coded]
            yield some[KEY], [some["amount_hundredths"], some["day"], *places]


def _batches(
    orders: pl.LazyFrame, as_of: date | None, *columns: pl.Expr
) -> Iterator[dict[str, NDArray[Any]]]:
    """Return ids, amounts and the columns of the rows until the day, for many rows at a time."""
    if as_of is not None:
        orders = orders.filter((pl.col("day") <= day_number(as_of)).fill_null(value=True))
    needed = orders.select(pl.col(KEY), "amount_hundredths", *columns)
    for batch in needed.collect_batches(maintain_order=False):
        if empty := [column.name for column in batch if column.null_count() and column.name != _PAID]:
            raise _lacking(empty)
        if batch.is_empty():
            continue
        given = {column.name: column.to_numpy() for column in batch}
        yield given | {KEY: given[KEY].astype(np.int64, copy=False)}


def _code(column: str, values: tuple[str, ...]) -> pl.Expr:
    """Return the place of each text among ``values``; their number for any other text, and for null."""
    codes = pl.col(column).cast(pl.Enum(values), strict=False).to_physical()
    return codes.cast(pl.Int64).fill_null(len(values))


def _known(values: Ints, known: NDArray[np.bool_]) -> pl.Series:
    """Return the values as a series, null where they are not known."""
    return pl.select(pl.when(pl.Series(known)).then(pl.Series(values))).to_series()


def _lacking(names: list[str]) -> DataError:
    return DataError(
        f"Some orders lack {', '.join(names)}, or have a day that does not fit into 32 bits. A state is made "
        "from orders that were cleaned: leave these out and count them, as `crmlab ingest` does."
    )
