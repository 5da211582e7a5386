"""Pairs of texts that are nearly the same, found without comparing every text with every other.

MinHash signatures (Broder 1997, "On the resemblance and containment of documents") are cut into bands;
texts that agree in one band are compared shingle by shingle (Leskovec, Rajaraman & Ullman 2020, "Mining
of Massive Datasets", chapter 3.4). With eight bands of three hashes a pair of similarity 0.7 is compared
with probability 0.97, one of 0.9 practically always; what is not similar enough is dropped after that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from crmlab_plugins.text.shingles import Shingles

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BANDS = 8
_ROWS = 3
_ODD = 0x9E3779B97F4A7C15
# Texts of one band are compared with the first few of them, so that a thousand copies cost little.
_COMPARED_WITH = 4


def near_copies(shingles: Shingles, similarity: float) -> pl.DataFrame:
    """Return for each text the earliest text that it nearly repeats: ``row``, ``of``, ``similarity``.

    Similarity is the Jaccard index of the sets of shingles. Only texts with such an earlier one have a row;
    ``of`` is itself no copy where chains allow it. Sorted by row.
    """
    pairs = _candidates(shingles)
    if pairs.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    involved = pl.concat([pairs["row"], pairs["of"]]).unique().sort()
    held = _sets(shingles, involved)
    sizes = held.group_by("row").agg(size=pl.len())
    shared = (
        pairs.join(held, on="row")
        .join(held.rename({"row": "of"}), on=["of", "hash"])
        .group_by("row", "of")
        .agg(shared=pl.len())
        .join(sizes, on="row")
        .join(sizes.rename({"row": "of", "size": "of_size"}), on="of")
    )
    index = pl.col("shared") / (pl.col("size") + pl.col("of_size") - pl.col("shared"))
    return (
        shared.select("row", "of", similarity=index)
        .filter(pl.col("similarity") >= similarity)
        .sort("row", "of")
        .unique("row", keep="first", maintain_order=True)
        .cast(_SCHEMA)  # type: ignore[arg-type]
    )


def repeated_share(shingles: Shingles) -> NDArray[np.float64]:
    """Return per text which share of its shingles repeats an earlier one of the same text, 0 to below 1."""
    import numpy as np

    counts = np.diff(shingles.starts)
    row = np.repeat(np.arange(len(counts)), counts)
    order = np.lexsort((shingles.hashes, row))
    hashes, rows = shingles.hashes[order], row[order]
    again = np.concatenate(([False], (hashes[1:] == hashes[:-1]) & (rows[1:] == rows[:-1])))
    return np.bincount(rows, weights=again, minlength=len(counts)) / np.maximum(counts, 1)


def _candidates(shingles: Shingles) -> pl.DataFrame:
    import numpy as np

    found = []
    hashes, starts = shingles.hashes, shingles.starts[:-1]
    count = len(starts)
    for band in range(_BANDS):
        key = np.zeros(count, dtype=np.uint64)
        for place in range(_ROWS):
            odd = np.uint64((_ODD * (2 * (band * _ROWS + place) + 3)) % 2**64 | 1)
            mixed = hashes * odd
            mixed ^= mixed >> np.uint64(29)
            mixed *= np.uint64(_ODD)
            key = (key ^ np.minimum.reduceat(mixed, starts)) * np.uint64(_ODD)
        bucket = pl.DataFrame({"key": key}).with_row_index("row").cast({"row": pl.Int64})
        first = bucket.group_by("key", maintain_order=True).head(_COMPARED_WITH).rename({"row": "of"})
        found.append(bucket.join(first, on="key").filter(pl.col("of") < pl.col("row")).select("row", "of"))
    return pl.concat(found).unique().sort("row", "of")


def _sets(shingles: Shingles, rows: pl.Series) -> pl.DataFrame:
    """Return the different shingles of the given texts: ``row``, ``hash``."""
    import numpy as np

    chosen = rows.to_numpy()
    counts = np.diff(shingles.starts)[chosen]
    begins = np.repeat(shingles.starts[chosen], counts)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    held = pl.DataFrame({"row": np.repeat(chosen, counts), "hash": shingles.hashes[begins + within]})
    return held.unique().sort("row", "hash")


_SCHEMA = {"row": pl.Int64, "of": pl.Int64, "similarity": pl.Float64}
