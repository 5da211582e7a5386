"""Chunks of rows that an ingest has cleaned: each kept in one file, bucket by bucket, until it is sorted.

::

    000000500000-000001000000/rows.arrows    an Arrow stream per bucket, one after the other
    000000500000-000001000000/places.npy     where in it the bucket of each number begins and ends
    000000500000-000001000000/…              what others keep of the chunk

A file per bucket would be some ten thousand small ones, which take longer to open than to read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crmlab.errors import DataError

WORKERS = 2
"""Chunks, or buckets, that are in memory at once."""
_READ_ROWS = 25_000
"""Rows of the morsels that polars reads, of which it holds some dozens."""
_ROWS, _PLACES = "rows.arrows", "places.npy"


def in_chunks(orders: pl.LazyFrame, first: int, size: int) -> Iterator[tuple[int, pl.DataFrame]]:
    """Read the orders from row ``first`` on, ``size`` at a time: the number of a chunk's first row, and it.

    Raises DataError for data that breaks off.
    """
    held: list[pl.DataFrame] = []
    height = 0
    try:
        with pl.Config(streaming_chunk_size=_READ_ROWS):
            for batch in orders.slice(first).collect_batches(chunk_size=size, maintain_order=True):
                held.append(batch)
                height += batch.height
                while height >= size:
                    rows = pl.concat(held)
                    held = [rows.slice(size)]
                    yield first, rows.head(size)
                    first, height = first + size, height - size
    except (pl.exceptions.PolarsError, OSError):
        raise DataError(
            "The data of the orders breaks off or is damaged while it is read. Export it again."
        ) from None
    if height:
        yield first, pl.concat(held)


def write(folder: Path, rows: pl.DataFrame, bucket: NDArray[np.int64], buckets: int) -> None:
    """Keep rows, of which ``bucket`` says where each belongs, in the folder of their chunk."""
    number = bucket.astype(np.uint16 if buckets <= 1 << 16 else np.int64)  # few bits are sorted by counting
    dealt = rows.rechunk()[
        number.argsort(kind="stable")
    ]  # of one piece: of several it takes eight times as long
    ends = np.cumsum(np.bincount(bucket, minlength=buckets))
    places = np.zeros(buckets + 1, np.int64)
    with (folder / _ROWS).open("wb") as file:
        start = 0
        for at, end in enumerate(ends.tolist()):
            if end > start:
                dealt[start:end].write_ipc_stream(file, compression="lz4")
            places[at + 1] = file.tell()
            start = end
    np.save(folder / _PLACES, places)


def is_whole(folder: Path) -> bool:
    """Say whether what was kept of a chunk is there: not so where the power failed before it was written."""
    try:
        return bool(np.load(folder / _PLACES)[-1] == (folder / _ROWS).stat().st_size)
    except (OSError, ValueError, EOFError):
        return False


class Chunks:
    """Chunks of an ingest, all of which are written."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = folders
        self._places = [np.load(folder / _PLACES).tolist() for folder in folders]

    def read(self, bucket: int) -> list[pl.DataFrame]:
        """Return the rows of a bucket in each of the chunks that have any."""
        found = []
        for folder, places in zip(self.folders, self._places, strict=True):
            start, end = places[bucket : bucket + 2]
            if end > start:
                with (folder / _ROWS).open("rb") as file:
                    file.seek(start)
                    found.append(pl.read_ipc_stream(file.read(end - start)))
        return found
