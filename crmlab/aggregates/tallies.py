"""Counts of the rows of runs by the code that each row has, many counters at once.

Counters that share 64 bits are added in one: a row's code is looked up in a table of words, and the words of
a run are added. A counter is wide enough for all rows of the longest run, so that none overflows into the
next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Words = NDArray[np.uint64]
Codes = NDArray[np.intp]
Number = TypeVar("Number", Ints, Words)
_WORD = 8
"""Bytes of a word."""


class Tally:
    """Counters of rows: the name of each, and the codes that it counts, of those from 0 to ``last``."""

    def __init__(self, counted: Mapping[str, Sequence[int]], last: int) -> None:
        self._counted = counted
        self._last = last
        self._words = cache(self._packed)

    def of(self, codes: Codes, bounds: Ints) -> dict[str, NDArray[Any]]:
        """Count the rows of each run; ``bounds`` are where the runs begin, and where the last one ends."""
        counter = np.min_scalar_type(np.diff(bounds).max())
        found: dict[str, NDArray[Any]] = {}
        for names, table in self._words(counter):
            words = sums(table.take(codes), bounds).view(counter).reshape(len(bounds) - 1, -1)
            found |= {name: words[:, place] for place, name in enumerate(names)}
        return found

    def _packed(self, counter: np.dtype[Any]) -> list[tuple[list[str], Words]]:
        """Return the names of the counters of each word, and its value for each code."""
        names, per_word = list(self._counted), _WORD // counter.itemsize
        packed = []
        for start in range(0, len(names), per_word):
            table = np.zeros((self._last + 1, per_word), counter)
            for place, name in enumerate(names[start : start + per_word]):
                table[list(self._counted[name]), place] = 1
            packed.append((names[start : start + per_word], table.view(np.uint64).ravel()))
        return packed


class Coded:
    """A column of few values as codes: one of each value, and another for any other and for null.

    The last two codes are for rows that paid nothing, whatever their value: refunds, and zeros.
    """

    def __init__(self, column: pl.Series, values: Sequence[str]) -> None:
        if not isinstance(column.dtype, pl.Enum):
            column = column.cast(pl.Enum(values), strict=False)
        dtype = column.dtype
        assert isinstance(dtype, pl.Enum)
        written = dtype.categories.to_list()
        self._code = {value: code for code, value in enumerate(written)}
        other, self._refund, self._zero = range(len(written), len(written) + 3)
        self._codes = column.to_physical().fill_null(other)

    def rows(self, rows: slice, unpaid: Ints, is_zero: NDArray[np.bool_]) -> Codes:
        """Return the codes of some rows, of which those ``unpaid`` are refunds or zeros."""
        codes = self._codes[rows].to_numpy().astype(np.intp)
        codes[unpaid] = np.where(is_zero, self._zero, self._refund)
        return codes

    def tally(self, counted: Mapping[str, str], *, unpaid: bool) -> Tally:
        """Return counters of values, and of refunds and zeros where ``unpaid`` says so."""
        codes = {name: self._codes_of(value) for name, value in counted.items()}
        if unpaid:
            codes |= {"refund_count": [self._refund], "zero_count": [self._zero]}
        return Tally(codes, self._zero)

    def bits(self, values: Sequence[str]) -> Ints:
        """Return code → a bit of its own for each of these values, 0 for all others."""
        table = np.zeros(self._zero + 1, np.int64)
        for place, value in enumerate(values):
            table[self._codes_of(value)] = 1 << place
        return table

    def _codes_of(self, value: str) -> list[int]:
        return [self._code[value]] if value in self._code else []


def sums(values: Number, bounds: Ints) -> Number:
    """Add the values of each run, modulo 2**64."""
    return np.diff(upto(values).take(bounds))


def upto(values: Number) -> Number:
    """Return the sum of the values before each, and of all, modulo 2**64."""
    below = np.empty(len(values) + 1, values.dtype)
    below[0] = 0
    np.cumsum(values, out=below[1:])
    return below
