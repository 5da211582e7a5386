"""Order numbers that come again in an ingest, found over all its chunks, in whatever buckets.

Of each row a chunk keeps a mark: the upper bits of the hash of its number, and below them the bucket of its
customer. Sorted, marks of one number lie side by side. Of a number that lies in several buckets the rows
themselves are compared, so that no hash decides; of those within a bucket, when it is sorted. Memory is
bounded: the marks of all chunks are looked through range by range.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crmlab import memory
from crmlab.aggregates.chunks import WORKERS, Chunks
from crmlab.aggregates.hashing import hashes
from crmlab.aggregates.order_numbers import Hashes, contradicting, found
from crmlab.aggregates.store import write_whole

MARKS = "orders.npy"
_ROW_BYTES = 192
"""Memory to plan with for a row of a range: copies while it is sorted, and as many workers."""


def upper(orders: Hashes, buckets: int) -> Hashes:
    """Return the bits of the hashes of order numbers that stand in a mark."""
    return orders >> np.uint64(buckets.bit_length())


def write_marks(folder: Path, orders: Hashes, bucket: NDArray[np.int64], buckets: int) -> None:
    """Keep the marks of the rows of a chunk in its folder."""
    marks = upper(orders, buckets) << np.uint64(buckets.bit_length()) | bucket.astype(np.uint64)
    np.save(folder / MARKS, _sorted(marks))


def again(chunks: Sequence[Path], buckets: int, target: Path) -> Hashes:
    """Write the upper bits of the numbers that seem to come again to ``target``, sorted, as they are.

    Return those that seem to lie in several buckets.
    """
    bits = buckets.bit_length()
    rows = sum(len(_marks(chunk)) for chunk in chunks)
    ranges = 1 + rows * _ROW_BYTES // (memory.budget_mb() << 20)
    ends = [((1 << 64) * place // ranges >> bits) << bits for place in range(ranges + 1)]
    contested = []

    def write(file: IO[bytes]) -> None:
        with ThreadPoolExecutor(WORKERS) as pool:
            for found in pool.map(lambda low, high: _again(chunks, low, high, bits), ends, ends[1:]):
                file.write(found.anywhere.tobytes())
                contested.append(found.contested)

    write_whole(target, write)
    return np.concatenate(contested)


def load(path: Path) -> Hashes:
    """Open what :func:`again` has written, of which only the pages that are looked at are read."""
    if not path.stat().st_size:
        return np.zeros(0, np.uint64)
    return np.memmap(path, np.uint64, mode="r")


class _Again(NamedTuple):
    """Numbers that seem to come again: anywhere, and in several buckets."""

    anywhere: Hashes
    contested: Hashes


def _again(chunks: Sequence[Path], low: int, high: int, bits: int) -> _Again:
    """Find them among the marks from ``low`` on, below ``high``."""
    inside = [np.zeros(0, np.uint64)]
    for chunk in chunks:
        index = _marks(chunk)  # opened for each range, so that no more of it stays in memory than is copied
        first = np.searchsorted(index, np.uint64(low))
        last = np.searchsorted(index, np.uint64(high - 1), side="right")
        inside.append(np.array(index[first:last]))
    marks = _sorted(np.concatenate(inside))
    number = marks >> np.uint64(bits)
    same = number[1:] == number[:-1]
    contested = same & (marks[1:] != marks[:-1])
    return _Again(np.unique(number[1:][same]), np.unique(number[1:][contested]))


def numbers(chunks: Sequence[Path], suspected: Hashes, buckets: int) -> pl.Series:
    """Return the order numbers that no row may keep, sorted.

    Those that several customers have, and those of which one chunk has rejected several contents already.
    """
    rejected = (
        pl.read_parquet(path, glob=False) for chunk in chunks if (path := chunk / "rejected.parquet").exists()
    )
    told = [contradicting(rows) for rows in rejected]
    rows = [pl.DataFrame(schema={"order_id": pl.String, "customer_id": pl.String})]
    if len(suspected):
        rows += _suspected(chunks, suspected, buckets)
    owners = pl.concat(rows).unique().group_by("order_id").len()
    several = owners.filter(pl.col("len") > 1)["order_id"]
    return pl.concat([several, *told]).unique().sort()


def among(orders: pl.Series, hashed: Hashes, buckets: int) -> NDArray[np.bool_]:
    """Say which order numbers have one of these hashes."""
    if not len(hashed):  # the usual case, and hashing takes time
        return np.zeros(len(orders), bool)
    return found(upper(hashes(orders), buckets), [hashed])


def _sorted(marks: Hashes) -> Hashes:
    return pl.Series(marks).sort().to_numpy()  # in half the time of numpy


def _marks(chunk: Path) -> Hashes:
    marks: Hashes = np.load(chunk / MARKS, mmap_mode="r")
    return marks


def _suspected(chunks: Sequence[Path], suspected: Hashes, buckets: int) -> Iterator[pl.DataFrame]:
    bits = buckets.bit_length()
    for chunk in chunks:
        marks = _marks(chunk)
        mine = marks[np.isin(marks >> np.uint64(bits), suspected)]
        held = Chunks([chunk]) if len(mine) else None
        for bucket in np.unique(mine & np.uint64((1 << bits) - 1)).tolist():
            for rows in held.read(bucket) if held else ():
                owned = rows.select("order_id", "customer_id")
                yield owned.filter(pl.Series(among(owned["order_id"], suspected, buckets)))
