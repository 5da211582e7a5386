"""Pairs of texts that are nearly the same, found without comparing every text with every other.

MinHash signatures (Broder 1997, "On the resemblance and containment of documents") are cut into bands;
texts that agree in one band are compared shingle by shingle (Leskovec, Rajaraman & Ullman 2020, "Mining
of Massive Datasets", chapter 3.4). With eight bands of three hashes a pair of similarity 0.7 is compared
with probability 0.97, one of 0.9 practically always; what is not similar enough is dropped after that.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import polars as pl

from crmlab_plugins.text.shingles import Shingles

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_Result = TypeVar("_Result")

_BANDS = 8
_ROWS = 3
_ODD = 0x9E3779B97F4A7C15
# Texts of one band are compared with the first few of them, so that a thousand copies cost little.
_COMPARED_WITH = 4
_AT_ONCE = 100_000
"""Shingles gone through at once: what stays in the cache."""


def near_copies(shingles: Shingles, similarity: float) -> pl.DataFrame:
    """Return for each text the earliest text that it nearly repeats: ``row``, ``of``, ``similarity``.

    Similarity is the Jaccard index of the sets of shingles. Only texts with such an earlier one have a row;
    ``of`` is itself no copy where chains allow it. Sorted by row.
    """
    import numpy as np

    pairs = _candidates(shingles)
    if pairs.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    held = _sets(shingles)
    size, of_size = (pl.Series(np.diff(held.starts)).gather(pairs[name]) for name in ("row", "of"))
    # The smaller set by the larger is as similar as the two can be.
    near = pairs.filter(pl.min_horizontal(size, of_size) >= similarity * pl.max_horizontal(size, of_size))
    found = near.with_columns(similarity=_jaccard(held, near["row"].to_numpy(), near["of"].to_numpy()))
    return (
        found.filter(pl.col("similarity") >= similarity)
        .sort("row", "of")
        .unique("row", keep="first", maintain_order=True)
        .cast(_SCHEMA)  # type: ignore[arg-type]
    )


def repeated_share(shingles: Shingles) -> NDArray[np.float64]:
    """Return per text which share of its shingles repeats an earlier one of the same text, 0 to below 1."""
    import numpy as np

    counts = np.diff(shingles.starts)
    return (counts - np.diff(_sets(shingles).starts)) / np.maximum(counts, 1)


def _candidates(shingles: Shingles) -> pl.DataFrame:
    """Return the pairs of texts that agree in a band: ``row`` and the earlier ``of``."""
    found = []
    for key in _keys(shingles):
        bucket = pl.DataFrame({"key": key}).with_row_index("row").cast({"row": pl.Int64})
        first = bucket.group_by("key", maintain_order=True).head(_COMPARED_WITH).rename({"row": "of"})
        found.append(bucket.join(first, on="key").filter(pl.col("of") < pl.col("row")).select("row", "of"))
    return pl.concat(found).unique().sort("row", "of")


def _keys(shingles: Shingles) -> NDArray[np.uint64]:
    """Return a number per band (row) and text (column): equal where the smallest hashes of the band are."""
    import numpy as np

    starts = shingles.starts
    keys = np.zeros((_BANDS, len(starts) - 1), dtype=np.uint64)

    def fill(begin: int, end: int) -> None:
        hashes, within = shingles.hashes[starts[begin] : starts[end]], starts[begin:end] - starts[begin]
        for band in range(_BANDS):
            key = keys[band, begin:end]
            for place in range(_ROWS):
                odd = np.uint64((_ODD * (2 * (band * _ROWS + place) + 3)) % 2**64 | 1)
                mixed = hashes * odd
                mixed ^= mixed >> np.uint64(29)
                mixed *= np.uint64(_ODD)
                key ^= np.minimum.reduceat(mixed, within)
                key *= np.uint64(_ODD)

    _each(fill, np.diff(starts))
    return keys


def _sets(shingles: Shingles) -> Shingles:
    """Return the different shingles of each text, as the upper bits of their hashes, ascending."""
    import numpy as np

    starts, counts = shingles.starts, np.diff(shingles.starts)
    bits = _bits(len(counts))
    sizes = np.zeros(len(counts), dtype=np.int64)

    def kept(begin: int, end: int) -> NDArray[np.uint64]:
        place = np.repeat(np.arange(end - begin, dtype=np.uint64), counts[begin:end])
        keys = _sortable(place, shingles.hashes[starts[begin] : starts[end]], bits)
        keys.sort()
        new = np.concatenate(([True], keys[1:] != keys[:-1]))
        # Sorting keeps each text's keys where its hashes were.
        sizes[begin:end] = np.bincount(place[new].astype(np.int64), minlength=end - begin)
        return keys[new] << np.uint64(bits)

    hashes = np.concatenate([np.zeros(0, dtype=np.uint64), *_each(kept, counts)])
    return Shingles(hashes, np.concatenate(([0], np.cumsum(sizes))))


def _jaccard(held: Shingles, one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the Jaccard index of the sets of texts ``one[i]`` and ``other[i]``."""
    import numpy as np

    sizes = np.diff(held.starts)
    total = sizes[one] + sizes[other]
    shared = np.zeros(len(one), dtype=np.int64)

    def fill(begin: int, end: int) -> None:
        texts = np.concatenate((one[begin:end], other[begin:end]))
        counts = sizes[texts]
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        hashes = held.hashes[np.repeat(held.starts[texts], counts) + within]
        pair = np.repeat(np.tile(np.arange(end - begin, dtype=np.uint64), 2), counts)
        bits = _bits(end - begin)
        keys = _sortable(pair, hashes, bits)
        keys.sort()
        both = keys[1:][keys[1:] == keys[:-1]] >> np.uint64(64 - bits)
        shared[begin:end] = np.bincount(both.astype(np.int64), minlength=end - begin)

    _each(fill, total)
    return shared / (total - shared)


def _sortable(place: NDArray[np.uint64], hashes: NDArray[np.uint64], bits: int) -> NDArray[np.uint64]:
    """Return hashes with the number of their text or pair in the uppermost bits, to be sorted in one go.

    Of 60,000 texts 48 bits of a hash are left: two different shingles of a text of 1,000 characters are
    taken for one in one text of 500 million.
    """
    import numpy as np

    return (place << np.uint64(64 - bits)) | (hashes >> np.uint64(bits))


def _bits(places: int) -> int:
    return max((places - 1).bit_length(), 1)


def _each(work: Callable[[int, int], _Result], sizes: NDArray[np.int64]) -> list[_Result]:
    """Do the work for each of the :func:`_blocks`, in as many threads as there are cores.

    The blocks know nothing of each other, and numpy leaves Python's lock to others.
    """
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(pool.map(lambda block: work(*block), _blocks(sizes)))


def _blocks(sizes: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield begin and end of runs of texts or pairs whose sizes sum to what stays in the cache."""
    import numpy as np

    so_far = np.cumsum(sizes)
    begin = 0
    while begin < len(sizes):
        done = int(so_far[begin - 1]) if begin else 0
        end = max(int(np.searchsorted(so_far, done + _AT_ONCE, side="right")), begin + 1)
        yield begin, end
        begin = end


_SCHEMA = {"row": pl.Int64, "of": pl.Int64, "similarity": pl.Float64}
