"""Order statistics and quantiles, exactly, without sorting all values: by radix histograms on any engine.

A pass counts the values in equal bins and goes on in the bin that holds the wanted rank, until the bin is
one value wide. Counts add up, so this works over parts, buckets and machines, and what leaves the engine
is a histogram, never the column. In memory one pass is enough: the values of that bin are sorted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from crmlab.errors import DataError

BINS = 1 << 14
_BLOCK = 1 << 16
"""Values at a time, which stay in the cache of a processor."""

Histogram = Callable[[int, int, int], Mapping[int, int]]
"""Lowest value, highest value, width → number of the bin → values in it; empty bins may be left out."""


def order_statistics(frame: nw.LazyFrame[Any], column: str, ranks: Iterable[int]) -> dict[int, int]:
    """Return rank (from 0) → the value at it among those of an Int64 column, nulls left out."""
    value = nw.col(column)
    known = frame.filter(~value.is_null())
    ends = known.select(low=value.min(), high=value.max()).collect("polars").to_native()
    low, high = ends.row(0)
    _check_span(low, high)

    def histogram(first: int, last: int, width: int) -> dict[int, int]:
        inside = known.filter((value >= first) & (value <= last))
        bins = inside.select(bin=(value - first) // width)
        counted = bins.group_by("bin").agg(n=nw.len()).collect("polars").to_native()
        return dict(zip(counted["bin"].to_list(), counted["n"].to_list(), strict=True))

    return {} if low is None else select(histogram, int(low), int(high), ranks)


def select(histogram: Histogram, low: int, high: int, ranks: Iterable[int]) -> dict[int, int]:
    """Return rank → value from histograms of whole numbers between ``low`` and ``high``."""
    found: dict[int, int] = {}
    # (lowest, highest, how many lie below) → the ranks wanted there
    searched: dict[tuple[int, int, int], list[int]] = {(low, high, 0): sorted(set(ranks))}
    while searched:
        (first, last, below), wanted = searched.popitem()
        if first == last:
            found |= dict.fromkeys(wanted, first)
            continue
        width = (last - first) // BINS + 1
        counts = sorted((int(place), int(count)) for place, count in histogram(first, last, width).items())
        upto = np.cumsum([count for _, count in counts])
        for rank in wanted:
            at = int(np.searchsorted(upto, rank - below, side="right"))
            if rank < below or at == len(counts):
                raise IndexError(
                    f"rank {rank} is not one of {below + int(upto[-1] if len(upto) else 0)} values"
                )
            place, count = counts[at]
            start = first + place * width
            part = (start, min(last, start + width - 1), below + int(upto[at]) - count)
            searched.setdefault(part, []).append(rank)
    return found


def quantiles(
    frame: nw.LazyFrame[Any], column: str, shares: Sequence[Fraction], divisor: int = 1
) -> list[float]:
    """Return the type-7 quantiles (Hyndman & Fan 1996) of an Int64 column, divided by ``divisor``.

    The values are divided before they are interpolated, so that money in hundredths is cut where amounts
    in currency units are. Empty where there is no value.
    """
    known = frame.filter(~nw.col(column).is_null()).select(n=nw.len()).collect("polars").to_native()
    return _interpolated(
        int(known.item()), lambda ranks: order_statistics(frame, column, ranks), shares, divisor
    )


def quantiles_of(values: NDArray[np.int64], shares: Sequence[Fraction], divisor: int = 1) -> list[float]:
    """Return the same of values that lie in memory."""
    return _interpolated(len(values), lambda ranks: _order_statistics(values, ranks), shares, divisor)


def _order_statistics(values: NDArray[np.int64], ranks: set[int]) -> dict[int, int]:
    """Count the values in bins, and sort those in the bins that hold a rank."""
    low, high = int(values.min()), int(values.max())
    _check_span(low, high)
    shift = max((high - low).bit_length() - (BINS - 1).bit_length(), 0)
    blocks = [values[start : start + _BLOCK] for start in range(0, len(values), _BLOCK)]
    counts = np.zeros(((high - low) >> shift) + 1, np.int64)
    for block in blocks:
        counts += np.bincount((block - low) >> shift, minlength=len(counts))
    wanted = np.array(sorted(ranks))
    bins = np.searchsorted(np.cumsum(counts), wanted, side="right")
    if not shift:
        return dict(zip(wanted.tolist(), (bins + low).tolist(), strict=True))
    searched = np.zeros(len(counts), np.bool_)
    searched[bins] = True
    inside = np.sort(np.concatenate([block[searched[(block - low) >> shift]] for block in blocks]))
    left_out = np.cumsum(np.where(searched, 0, counts))[bins]
    return dict(zip(wanted.tolist(), inside[wanted - left_out].tolist(), strict=True))


def _check_span(low: int | None, high: int | None) -> None:
    if low is not None and high is not None and high - low >= 1 << 63:
        raise DataError(
            "The spend of two customers lies 2^63 hundredths or more apart, which is no money. Look for "
            "amounts that are none, correct them, and ingest the orders anew."
        )


def _interpolated(
    count: int,
    statistics: Callable[[set[int]], Mapping[int, int]],
    shares: Sequence[Fraction],
    divisor: int,
) -> list[float]:
    if not count:
        return []
    places = [divmod(share * (count - 1), 1) for share in shares]
    ranks = {int(at) for at, _ in places} | {int(at) + 1 for at, rest in places if rest}
    values = statistics(ranks)
    cuts = []
    for at, rest in places:
        low = values[int(at)] / divisor
        cuts.append(low + (values[int(at) + 1] / divisor - low) * float(rest) if rest else low)
    return cuts
